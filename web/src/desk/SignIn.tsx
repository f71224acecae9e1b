import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Button } from "../shared/components/Button.tsx";
import { Dialog } from "../shared/components/Dialog.tsx";
import { Field } from "../shared/components/Field.tsx";
import { LanguageChoice } from "../shared/components/LanguageChoice.tsx";
import type { Failure } from "./api.ts";
import { failureWords } from "./failures.ts";
import { t } from "./messages.ts";
import { renew, signIn, signInAddress, start } from "./session.ts";
import { Trouble } from "./Trouble.tsx";

/** How often a page whose session has ended asks whether there is one again. */
const ASK_MS = 2_000;

interface Props {
  readonly problem?: Failure | undefined;
  readonly isRoleGone?: boolean;
}

/** The page for whoever is not signed in: why, and what to do. */
export function SignInPage({ problem, isRoleGone }: Props): JSX.Element {
  const isAway = problem && (problem.name === "Unreachable" || problem.isPassing);
  return (
    <main class="page">
      <h1>{t("app.title")}</h1>
      {isRoleGone ? (
        <p role="alert">{t("signin.role_gone")}</p>
      ) : (
        <p role="status">{problem ? t("signin.failed") : t("signin.why")}</p>
      )}
      <Trouble problem={problem} again={isAway ? () => void start() : undefined} />
      <Ways />
      <LanguageChoice label={t("settings.language")} />
    </main>
  );
}

/** Over the page of somebody whose session has ended: it stays as it is until they are back. */
export function SignInAgain({ problem }: Props): JSX.Element {
  useEffect(() => {
    // They may come back by another tab, whose session is that of this one as well.
    const asking = setInterval(() => {
      if (!document.hidden) void renew();
    }, ASK_MS);
    return () => clearInterval(asking);
  }, []);
  return (
    <Dialog title={t("signin.ended")} onClose={() => {}}>
      <p>{t("signin.ended_why")}</p>
      {problem && <p role="alert">{failureWords(problem)}</p>}
      <Ways isOverPage />
    </Dialog>
  );
}

/** The ways in: the page of the marketplace, or a token. */
function Ways({ isOverPage = false }: { readonly isOverPage?: boolean }): JSX.Element {
  const [token, setToken] = useState("");
  const [busy, setBusy] = useState(false);
  const address = signInAddress.value;
  return (
    <>
      {address && (
        <p>
          <a
            class="button primary"
            href={address}
            // In another tab: the page and its texts stay.
            {...(isOverPage && { target: "_blank", rel: "noopener" })}
          >
            {t("signin.at_marketplace")}
          </a>
        </p>
      )}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (busy || !token.trim()) return;
          setBusy(true);
          void signIn(linkedToken(token)).finally(() => setBusy(false));
        }}
      >
        <Field label={t("signin.token")} hint={t("signin.token_hint")}>
          <input
            type="password"
            autocomplete="off"
            spellcheck={false}
            value={token}
            onInput={(event) => setToken(event.currentTarget.value)}
          />
        </Field>
        <Button type="submit" kind={address ? "plain" : "primary"} busy={busy}>
          {t("signin.enter")}
        </Button>
      </form>
    </>
  );
}

/** The token that was typed, or that is in a whole link. */
function linkedToken(typed: string): string {
  return typed.trim().replace(/^.*#token=/, "");
}
