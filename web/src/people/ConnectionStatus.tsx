import { Banned, HandshakeRefused, type ParleyError, type State, WrongUser } from "@parley/client";
import type { JSX } from "preact";
import { Banner } from "../shared/components/Banner.tsx";
import { Button } from "../shared/components/Button.tsx";
import { dayAndTime } from "../shared/format.ts";
import { addressOf } from "../shared/router.ts";
import { t } from "./messages.ts";
import { storageProblem, useSession } from "./session.ts";

interface Props {
  readonly state: State;
  readonly reason: ParleyError | undefined;
}

/** How the connection stands, in words, with the way out of each state that does not end by itself. */
export function ConnectionStatus({ state, reason }: Props): JSX.Element {
  return (
    <>
      <p class="connection" role="status" data-state={state}>
        {t(`connection.${state}`)}
      </p>
      <Ways state={state} reason={reason} />
      {storageProblem.value && <Banner kind="warning">{t("storage.denied")}</Banner>}
    </>
  );
}

/** What to do about a state. */
function Ways({ state, reason }: Props): JSX.Element | null {
  const { client, config, byLink, leave } = useSession();
  if (state === "waiting") {
    return (
      <Banner
        kind="warning"
        actions={<Button onClick={() => client.connect()}>{t("connection.now")}</Button>}
      >
        {navigator.onLine ? t("connection.waiting_why") : t("connection.offline")}
      </Banner>
    );
  }
  if (state === "unauthorized") {
    return (
      <Banner
        kind="error"
        actions={
          <>
            {config.sign_in_url && (
              <a class="button primary" href={config.sign_in_url}>
                {t("signin.at_marketplace")}
              </a>
            )}
            {!byLink && <Button onClick={() => client.setToken()}>{t("action.again")}</Button>}
          </>
        }
      >
        {byLink ? t("signin.expired_link") : t("signin.ended")}
      </Banner>
    );
  }
  if (state === "refused") {
    return (
      <Banner
        kind="error"
        actions={
          <>
            {reason instanceof Banned && (
              <a class="button" href={addressOf("standing")}>
                {t("sanction.reasons")}
              </a>
            )}
            <Button onClick={() => client.connect()}>{t("connection.now")}</Button>
            <Button onClick={() => void leave()}>{t("signin.out")}</Button>
          </>
        }
      >
        {refusal(reason)}
      </Banner>
    );
  }
  if (state === "closed") {
    return (
      <Banner
        kind="error"
        actions={<Button onClick={() => location.reload()}>{t("connection.reload")}</Button>}
      >
        {t("connection.closed_why")}
      </Banner>
    );
  }
  return null;
}

function refusal(reason: ParleyError | undefined): string {
  if (reason instanceof Banned) {
    return reason.until
      ? t("connection.suspended", { until: dayAndTime(reason.until) })
      : t("connection.banned");
  }
  if (reason instanceof WrongUser) return t("connection.wrong_user");
  if (reason instanceof HandshakeRefused)
    return t("connection.wrong_place", { code: reason.status });
  return t("connection.refused_why", { reason: reason?.message ?? "" });
}
