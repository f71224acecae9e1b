import type { ComponentType } from "preact";
import type { Path } from "../shared/router.ts";
import { DisputeScreen } from "./dispute/DisputeScreen.tsx";
import { Reports } from "./report/Reports.tsx";
import { Settings } from "./Settings.tsx";
import { Standing } from "./sanction/Standing.tsx";

/** Screens by the first part of their address; each is given the rest of it. */
export const SCREENS: Readonly<Record<string, ComponentType<{ path: Path }>>> = {
  dispute: DisputeScreen,
  reports: Reports,
  settings: Settings,
  standing: Standing,
};
