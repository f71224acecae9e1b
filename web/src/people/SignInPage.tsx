import type { JSX } from "preact";
import { Button } from "../shared/components/Button.tsx";
import { LanguageChoice } from "../shared/components/LanguageChoice.tsx";
import { useTitle } from "../shared/title.ts";
import { t } from "./messages.ts";
import { type SignInProblem, start } from "./session.ts";
import type { Config } from "./sign-in.ts";

const WORDS = {
  "no link": "signin.no_link",
  "broken link": "signin.broken_link",
  "signed out": "signin.signed_out",
  unreachable: "signin.unreachable",
  "broken configuration": "signin.broken_configuration",
} as const;

interface Props {
  readonly problem: SignInProblem;
  readonly config: Config;
}

/** The page for whoever is not signed in: why, and what to do. */
export function SignInPage({ problem, config }: Props): JSX.Element {
  useTitle(t("app.title"));
  return (
    <main class="page">
      <h1>Parley</h1>
      <p role="status">{t(WORDS[problem])}</p>
      <div class="actions">
        {config.sign_in_url && (
          <a class="button primary" href={config.sign_in_url}>
            {t("signin.at_marketplace")}
          </a>
        )}
        {config.token_url && <Button onClick={() => void start()}>{t("action.again")}</Button>}
      </div>
      <LanguageChoice label={t("settings.language")} />
    </main>
  );
}
