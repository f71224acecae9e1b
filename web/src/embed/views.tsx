import type { Client, ParleyError, State } from "@parley/client";
import type { ReadonlySignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { ConnectionStatus } from "../people/ConnectionStatus.tsx";
import { Conversation } from "../people/conversation/Conversation.tsx";
import { Inbox } from "../people/Inbox.tsx";
import { t } from "../people/messages.ts";
import { type Session, SessionProvider, useSession } from "../people/session.ts";
import { Banner } from "../shared/components/Banner.tsx";
import { Button } from "../shared/components/Button.tsx";
import { language } from "../shared/language.ts";
import { type Go, GoProvider } from "../shared/router.ts";
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

interface FrameProps {
  readonly standing: ReadonlySignal<Standing>;
  readonly go: Go;
  readonly onRetry: () => void;
  readonly children: ComponentChildren;
}

/** An element's inside: its screen, or why there is none. */
export function Frame({ standing, go, onRetry, children }: FrameProps): JSX.Element {
  return (
    <div class="base" lang={language.value}>
      <div class="parley" part="frame">
        <GoProvider value={go}>
          <Inside standing={standing.value} onRetry={onRetry}>
            {children}
          </Inside>
        </GoProvider>
      </div>
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
        actions={<Button onClick={onRetry}>{t("signin.again")}</Button>}
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
  return (
    <>
      <ConnectionStatus state={state} reason={reason} />
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
