import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Banner } from "../shared/components/Banner.tsx";
import { Button } from "../shared/components/Button.tsx";
import { addressOf, go, path } from "../shared/router.ts";
import { useTitle } from "../shared/title.ts";
import type { SessionView } from "./generated/api.ts";
import { follow, liveness, stopFollowing } from "./live.ts";
import { t } from "./messages.ts";
import { notice } from "./notice.ts";
import { ShortcutHelp } from "./ShortcutHelp.tsx";
import { SignInAgain, SignInPage } from "./SignIn.tsx";
import { SCREENS, type ScreenName } from "./screens.ts";
import { session } from "./session.ts";
import { useShortcuts } from "./shortcuts.ts";

/** The desk. */
export function App(): JSX.Element {
  const { value } = session;
  useTitle(t("app.title"));
  if (value.state === "starting") {
    return (
      <main class="page">
        <p role="status">{t("reading.now")}</p>
      </main>
    );
  }
  if (value.state === "signed out") return <SignInPage problem={value.problem} />;
  if (value.state === "not allowed") return <SignInPage isRoleGone />;
  return (
    <>
      <Frame view={value.session} isEnded={value.state === "ended"} />
      {value.state === "ended" && <SignInAgain problem={value.problem} />}
    </>
  );
}

/** The screens that a session may see, in the order of the header. */
function screensOf({ roles }: SessionView): ScreenName[] {
  return (Object.keys(SCREENS) as ScreenName[]).filter((name) =>
    SCREENS[name].roles.some((role) => roles.includes(role)),
  );
}

/** The header, how live it is, and the screen that the address names. */
function Frame({
  view,
  isEnded,
}: {
  readonly view: SessionView;
  readonly isEnded: boolean;
}): JSX.Element {
  const [isHelping, setHelping] = useState(false);
  const allowed = screensOf(view);
  const [first = allowed[0] ?? "settings", ...rest] = path.value;
  const name = allowed.find((one) => one === first);
  const main = useRef<HTMLElement>(null);
  // Others see nothing that changes by itself.
  const isModerator = view.roles.includes("moderator");
  useEffect(() => {
    if (isEnded || !isModerator) return undefined;
    follow();
    return stopFollowing;
  }, [isEnded, isModerator]);
  useShortcuts(t("shortcuts.everywhere"), [
    { keys: "?", label: t("shortcuts.help"), run: () => setHelping(true) },
    ...allowed.flatMap((one) => {
      const { key } = SCREENS[one];
      return key
        ? [{ keys: `g ${key}`, label: t(`nav.${one}` as "nav.queue"), run: () => go([one]) }]
        : [];
    }),
  ]);
  const Screen = name && SCREENS[name].screen;
  const shown = name && (SCREENS[name].within ?? name);
  return (
    <div class="desk">
      <Button class="skip" onClick={() => main.current?.focus()}>
        {t("app.skip")}
      </Button>
      <header class="bar">
        <a class="brand" href={addressOf()}>
          {t("app.brand")}
        </a>
        <nav class="nav" aria-label={t("nav.label")}>
          {allowed
            .filter((one) => SCREENS[one].key)
            .map((one) => (
              <a key={one} href={addressOf(one)} aria-current={one === shown ? "page" : undefined}>
                {t(`nav.${one}` as "nav.queue")}
              </a>
            ))}
        </nav>
        <Button kind="quiet" onClick={() => setHelping(true)}>
          {t("shortcuts.open")}
        </Button>
        <span class="me" title={view.user}>
          <bdi>{view.user}</bdi>
        </span>
      </header>
      {isModerator && <Liveness />}
      <p class="notice" role="status">
        {notice.value}
      </p>
      <main class="desk-main" id="main" tabIndex={-1} ref={main}>
        {Screen ? (
          <Screen key={name} path={rest} />
        ) : (
          <Banner kind="warning">{t("app.nowhere")}</Banner>
        )}
      </main>
      {isHelping && <ShortcutHelp onClose={() => setHelping(false)} />}
    </div>
  );
}

/** Whether what others do is seen as it happens. */
function Liveness(): JSX.Element {
  const { value } = liveness;
  return (
    <p class={`liveness ${value}`} role="status" data-state={value}>
      {t(`live.${value}`)}
    </p>
  );
}
