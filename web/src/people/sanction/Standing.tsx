import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { useNow } from "../../shared/clock.ts";
import { Banner } from "../../shared/components/Banner.tsx";
import { Button } from "../../shared/components/Button.tsx";
import { addressOf } from "../../shared/router.ts";
import { useSnapshot } from "../../shared/stores.ts";
import { useLate } from "../forms/commands.ts";
import { refusalWords } from "../forms/refusals.ts";
import { appealAgainst, sanctionsOf, useTold } from "../lists/told.ts";
import { t } from "../messages.ts";
import { useSession } from "../session.ts";
import { LeftDeals } from "./LeftDeals.tsx";
import { isRestricted, look, restrictionOf } from "./restricted.ts";
import { inOrder, nextEnd } from "./rules.ts";
import { SanctionCard } from "./SanctionCard.tsx";

/** The decisions about this user, with their reasons, and the appeal against each. */
export function Standing(): JSX.Element {
  const { client } = useSession();
  const isOut = isRestricted(useSnapshot(client.connection));
  return (
    <section class="page">
      <h1>{t("sanction.title")}</h1>
      {isOut ? <Outside /> : <Inside />}
    </section>
  );
}

/** For who is let in: what was told, and what is asked for once. */
function Inside(): JSX.Element {
  const client = useTold();
  const { state } = useSnapshot(client.connection);
  const [asked, setAsked] = useState<"no" | "yes" | unknown>("no");
  useEffect(() => {
    let isWanted = true;
    client.standing().then(
      () => isWanted && setAsked("yes"),
      (error: unknown) => isWanted && setAsked(error),
    );
    return () => {
      isWanted = false;
    };
  }, [client, state === "live"]);
  const sanctions = sanctionsOf(client);
  const now = useNow(nextEnd(sanctions, Date.now()));
  const isLate = useLate(asked === "no" && state === "live");
  return (
    <>
      <p class="muted">{t("sanction.explanation")}</p>
      <p>
        <a href={addressOf("reports")}>{t("report.title")}</a>
      </p>
      {isLate && <Banner kind="warning">{t("waiting.late_list")}</Banner>}
      {asked instanceof Error && <Banner kind="error">{refusalWords(asked)}</Banner>}
      {!sanctions.length && (
        <p class="muted">{t(asked === "yes" ? "sanction.none" : "inbox.loading")}</p>
      )}
      <ul class="cards">
        {inOrder(sanctions, now).map((one) => (
          <SanctionCard
            key={one.sanction}
            sanction={one}
            appeal={appealAgainst(client, one.decision)}
            now={now}
            send={(decision, text, key) => client.appeal(decision, text, { key })}
          />
        ))}
      </ul>
    </>
  );
}

/** For who is not let in: the same over HTTP, and the deals that time goes on in. */
function Outside(): JSX.Element {
  const session = useSession();
  const { standing, error } = restrictionOf(session.client).value;
  const sanctions = standing?.sanctions ?? [];
  const now = useNow(nextEnd(sanctions, Date.now()));
  const [isLooking, setLooking] = useState(false);
  return (
    <>
      <p>{t("sanction.outside")}</p>
      <div class="actions">
        <Button
          busy={isLooking}
          onClick={() => {
            setLooking(true);
            void look(session).finally(() => setLooking(false));
          }}
        >
          {t("action.again")}
        </Button>
      </div>
      <p role="status">{error !== undefined && refusalWords(error)}</p>
      <ul class="cards">
        {inOrder(sanctions, now).map((one) => (
          <SanctionCard
            key={one.sanction}
            sanction={one}
            appeal={undefined}
            now={now}
            send={async (decision, text) => {
              const made = await session.http.appeal(decision, text);
              void look(session);
              return made;
            }}
          />
        ))}
      </ul>
      <LeftDeals />
    </>
  );
}
