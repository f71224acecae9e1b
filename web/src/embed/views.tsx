import type { Client, ParleyError, State } from "@parley/client";
import type { ReadonlySignal, Signal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { ConnectionStatus } from "../people/ConnectionStatus.tsx";
import { Conversation } from "../people/conversation/Conversation.tsx";
import { Inbox } from "../people/Inbox.tsx";
import { t } from "../people/messages.ts";
import { useRestriction } from "../people/sanction/restricted.ts";
import { SanctionBanner } from "../people/sanction/SanctionBanner.tsx";
import { SCREENS } from "../people/screens.ts";
import { type Session, SessionProvider, useSession } from "../people/session.ts";
import { Banner } from "../shared/components/Banner.tsx";
import { Button } from "../shared/components/Button.tsx";
import { Icon } from "../shared/components/Icon.tsx";
import { language } from "../shared/language.ts";
import { type Go, GoProvider, type Path } from "../shared/router.ts";
import { useSnapshot } from "../shared/stores.ts";
import type { Place } from "./declared.d.ts";

/** Why an element shows nobody's conversations. */
export type Problem = "no function" | "no address" | "no token" | "signed out";

/** How far an element has come. */
export type Standing =
  | { readonly state: "starting" }
  | { readonly state: "problem"; readonly problem: Problem }
  | { readonly state: "signed in"; readonly session: Session };

const WORDS = {
  "no function": "embed.no_function",
  "no address": "embed.no_address",
  "no token": "embed.no_token",
  "signed out": "signin.signed_out",
} as const;

/** Screens of the app that are shown in the place of an element's own, by the first part of their address. */
const ASIDES: ReadonlySet<string> = new Set(["dispute", "reports", "standing"]);

/** Tell whether an address is of a screen that takes the place of an element's own. */
export function isAside(place: string | undefined): boolean {
  return place !== undefined && ASIDES.has(place);
}

interface FrameProps {
  readonly standing: ReadonlySignal<Standing>;
  readonly aside: Signal<Path | undefined>;
  readonly go: Go;
  readonly onRetry: () => void;
  readonly children: ComponentChildren;
}

/** An element's inside: its screen, or why there is none. */
export function Frame({ standing, aside, go, onRetry, children }: FrameProps): JSX.Element {
  return (
    <div class="base" lang={language.value}>
      <div class="parley" part="frame">
        <GoProvider value={go}>
          <Inside standing={standing.value} onRetry={onRetry}>
            {aside.value ? <Aside path={aside.value} onBack={() => back(aside)} /> : children}
          </Inside>
        </GoProvider>
      </div>
    </div>
  );
}

function back(aside: Signal<Path | undefined>): void {
  aside.value = undefined;
}

interface AsideProps {
  readonly path: Path;
  readonly onBack: () => void;
}

/** A screen of the app in the place of the element's own, with the way back. */
function Aside({ path: [place = "", ...rest], onBack }: AsideProps): JSX.Element | null {
  const Screen = SCREENS[place];
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    // Somebody has followed a link to it, which is gone.
    box.current?.focus();
  }, [place]);
  return (
    <div ref={box} class="aside" tabIndex={-1}>
      <Button kind="quiet" onClick={onBack}>
        <Icon name="back" /> {t("embed.back")}
      </Button>
      {Screen && <Screen path={rest} />}
    </div>
  );
}

interface InsideProps {
  readonly standing: Standing;
  readonly onRetry: () => void;
  readonly children: ComponentChildren;
}

function Inside({ standing, onRetry, children }: InsideProps): JSX.Element {
  if (standing.state === "starting") {
    return (
      <p class="empty" role="status">
        {t("signin.starting")}
      </p>
    );
  }
  if (standing.state === "problem") {
    return (
      <Banner
        kind={standing.problem === "signed out" ? "info" : "error"}
        actions={<Button onClick={onRetry}>{t("action.again")}</Button>}
      >
        {t(WORDS[standing.problem])}
      </Banner>
    );
  }
  return (
    <SessionProvider value={standing.session}>
      <Connected client={standing.session.client}>{children}</Connected>
    </SessionProvider>
  );
}

function Connected({
  client,
  children,
}: {
  readonly client: Client;
  readonly children: ComponentChildren;
}): JSX.Element {
  const { state, reason }: { state: State; reason?: ParleyError | undefined } = useSnapshot(
    client.connection,
  );
  useRestriction();
  return (
    <>
      <ConnectionStatus state={state} reason={reason} />
      <SanctionBanner />
      {children}
    </>
  );
}

/** The inside of `<parley-inbox>`. */
export function InboxScreen({
  current,
}: {
  readonly current: ReadonlySignal<string | undefined>;
}): JSX.Element {
  return <Inbox current={current.value} />;
}

/** The inside of `<parley-chat>`. */
export function ChatScreen({
  place,
}: {
  readonly place: ReadonlySignal<Place | undefined>;
}): JSX.Element {
  const { user } = useSession();
  const { value } = place;
  if (!value) return <p class="muted empty">{t("inbox.choose")}</p>;
  // A person has no conversation with themselves.
  if ("with" in value && value.with.normalize() === user)
    return <p class="muted empty">{t("new.yourself")}</p>;
  const key = JSON.stringify(value);
  return "conversation" in value ? (
    <Conversation key={key} id={value.conversation} />
  ) : (
    <Conversation key={key} peer={value.with} subject={value.subject} />
  );
}
