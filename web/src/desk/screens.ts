import type { ComponentType } from "preact";
import type { Path } from "../shared/router.ts";
import { AppealList } from "./appeals/AppealList.tsx";
import { AppealScreen } from "./appeals/AppealScreen.tsx";
import { AuditScreen } from "./audit/AuditScreen.tsx";
import { CaseScreen } from "./case/CaseScreen.tsx";
import { DisputeList } from "./disputes/DisputeList.tsx";
import { DisputeScreen } from "./disputes/DisputeScreen.tsx";
import { PeopleScreen } from "./people/PeopleScreen.tsx";
import { Queue } from "./queue/Queue.tsx";
import { Settings } from "./Settings.tsx";
import { SanctionList } from "./sanctions/SanctionList.tsx";
import { Search } from "./search/Search.tsx";
import type { Role } from "./session.ts";

interface Screen {
  /** It is given what follows its name in the address. */
  readonly screen: ComponentType<{ path: Path }>;
  /** Any of these may see it. */
  readonly roles: readonly Role[];
  /** The short cut behind "g"; without one it is not in the header. */
  readonly key?: string;
  /** The screen of the header to which it belongs. */
  readonly within?: string;
}

const MODERATOR: readonly Role[] = ["moderator"];
const ALL: readonly Role[] = ["moderator", "auditor", "data_protection"];

const screens = {
  queue: { screen: Queue, roles: MODERATOR, key: "q" },
  case: { screen: CaseScreen, roles: MODERATOR, within: "queue" },
  search: { screen: Search, roles: MODERATOR, key: "f" },
  appeals: { screen: AppealList, roles: MODERATOR, key: "a" },
  appeal: { screen: AppealScreen, roles: MODERATOR, within: "appeals" },
  disputes: { screen: DisputeList, roles: MODERATOR, key: "d" },
  dispute: { screen: DisputeScreen, roles: MODERATOR, within: "disputes" },
  sanctions: { screen: SanctionList, roles: MODERATOR, key: "s" },
  audit: { screen: AuditScreen, roles: ["moderator", "auditor"], key: "l" },
  people: { screen: PeopleScreen, roles: ["moderator", "data_protection"], key: "p" },
  settings: { screen: Settings, roles: ALL, key: "," },
} satisfies Record<string, Screen>;

export type ScreenName = keyof typeof screens;

/** Screens by the first part of their address. */
export const SCREENS: Readonly<Record<ScreenName, Screen>> = screens;
