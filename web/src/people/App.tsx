import type { ComponentType, JSX } from "preact";
import { Button } from "../shared/components/Button.tsx";
import { addressOf, type Path, path, step } from "../shared/router.ts";
import { useSnapshot } from "../shared/stores.ts";
import { useTitle } from "../shared/title.ts";
import { ConnectionStatus } from "./ConnectionStatus.tsx";
import { Conversation } from "./conversation/Conversation.tsx";
import { Inbox } from "./Inbox.tsx";
import { type MessageKey, t } from "./messages.ts";
import { SignInPage } from "./SignInPage.tsx";
import { useRestriction } from "./sanction/restricted.ts";
import { SanctionBanner } from "./sanction/SanctionBanner.tsx";
import { Standing } from "./sanction/Standing.tsx";
import { SCREENS } from "./screens.ts";
import { type Session, SessionProvider, signIn, useSession } from "./session.ts";

/** The people's app. */
export function App(): JSX.Element {
  const { value } = signIn;
  if (value.state === "starting") {
    return (
      <main class="page">
        <p role="status">{t("signin.starting")}</p>
      </main>
    );
  }
  if (value.state === "problem")
    return <SignInPage problem={value.problem} config={value.config} />;
  return <SignedIn session={value.session} />;
}

function SignedIn({ session }: { readonly session: Session }): JSX.Element {
  return (
    <SessionProvider value={session}>
      <Frame />
    </SessionProvider>
  );
}

/** Titles of screens by the first part of their address. */
const TITLES: Readonly<Record<string, MessageKey>> = {
  dispute: "dispute.title",
  reports: "report.title",
  settings: "settings.title",
  standing: "sanction.title",
};

/** The header, the inbox at the side where there is room, and the screen that the address names. */
function Frame(): JSX.Element {
  const { client, user } = useSession();
  const { state, reason } = useSnapshot(client.connection);
  const [place = "", ...rest] = path.value;
  const { conversations } = useSnapshot(client.conversationList);
  const unread = conversations.filter((one) => one.unread).length;
  const app = unread ? t("app.title_unread", { count: unread }) : t("app.title");
  const title = Object.hasOwn(TITLES, place) ? TITLES[place] : undefined;
  useTitle(title ? `${app} – ${t(title)}` : app);
  const isOut = useRestriction();
  const main = screen(place, rest);
  return (
    <div class="frame">
      <Button class="skip" onClick={() => document.getElementById("main")?.focus()}>
        {t("app.skip")}
      </Button>
      <header class="bar">
        <a class="brand" href={addressOf()} aria-label={t("nav.home")}>
          Parley
        </a>
        <nav class="nav" aria-label={t("nav.label")}>
          <a href={addressOf()} aria-current={place === "" ? "page" : undefined}>
            {t("nav.inbox")}
          </a>
          <a href={addressOf("reports")} aria-current={place === "reports" ? "page" : undefined}>
            {t("nav.reports")}
          </a>
          <a href={addressOf("settings")} aria-current={place === "settings" ? "page" : undefined}>
            {t("nav.settings")}
          </a>
        </nav>
        <span class="me" title={user}>
          <bdi>{user}</bdi>
        </span>
      </header>
      <ConnectionStatus state={state} reason={reason} />
      <SanctionBanner />
      <div class={`panes ${main ? "with-main" : ""}`}>
        <aside class="side" aria-label={t("nav.inbox")}>
          <Inbox current={place === "c" ? rest[0] : undefined} />
        </aside>
        <main class="main" id="main" tabIndex={-1}>
          {main ?? (isOut ? <Standing /> : <p class="muted empty">{t("inbox.choose")}</p>)}
        </main>
      </div>
    </div>
  );
}

function screen(place: string, rest: Path): JSX.Element | undefined {
  const [first, second] = rest;
  if (place === "c" && first) return <Conversation key={step.value} id={first} />;
  if (place === "with" && first) {
    return <Conversation key={step.value} peer={first} subject={second} />;
  }
  const Screen: ComponentType<{ path: Path }> | undefined = Object.hasOwn(SCREENS, place)
    ? SCREENS[place]
    : undefined;
  return Screen && <Screen path={rest} />;
}
