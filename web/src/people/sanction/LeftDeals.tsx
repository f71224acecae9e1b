import type { DealView } from "@parley/client";
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { Button } from "../../shared/components/Button.tsx";
import { Field } from "../../shared/components/Field.tsx";
import { addressOf } from "../../shared/router.ts";
import { oneLine } from "../../shared/words.ts";
import { dealLine } from "../deal/words.ts";
import { OpenDispute } from "../dispute/OpenDispute.tsx";
import { disputeLine } from "../dispute/words.ts";
import { refusalWords } from "../forms/refusals.ts";
import { usePages } from "../lists/pages.ts";
import { t } from "../messages.ts";
import { useSession } from "../session.ts";
import { type Packet, packetOf, type Step, stepsOf } from "./left.ts";

/** Steps that have a form. */
const MORE = ["open_dispute", "submit_note"];
const SCORES = [1, 2, 3, 4, 5];

/** The deals and disputes of a user who has no socket: time goes on in them, and what it waits for can be done. */
export function LeftDeals(): JSX.Element | null {
  const { http } = useSession();
  const deals = usePages(() => http.deals());
  const disputes = usePages(() => http.disputes());
  const open = deals.items.filter(
    (one) => stepsOf(one).length || MORE.some((step) => one.allowed_actions.includes(step)),
  );
  const going = disputes.items.filter((one) => one.allowed_actions.length);
  return (
    <section aria-labelledby="left-deals">
      <h2 id="left-deals">{t("sanction.deals")}</h2>
      <p class="muted">{t("sanction.deals_explanation")}</p>
      {(deals.loading === "failed" || disputes.loading === "failed") && (
        <p role="alert" class="field-error">
          {refusalWords(deals.error ?? disputes.error)}
        </p>
      )}
      {!open.length &&
        !going.length &&
        deals.loading === "ready" &&
        disputes.loading === "ready" && <p class="muted">{t("sanction.no_deals")}</p>}
      <ul class="cards">
        {open.map((one) => (
          <LeftDeal key={one.service} deal={one} onDone={deals.reload} />
        ))}
        {going.map((one) => (
          <li key={one.dispute} class="card">
            <p>{t("dispute.line", { state: disputeLine(one) })}</p>
            <a href={addressOf("dispute", one.dispute)}>{t("dispute.open_page")}</a>
          </li>
        ))}
      </ul>
      {deals.more && <Button onClick={deals.more}>{t("report.more")}</Button>}
    </section>
  );
}

interface LeftDealProps {
  readonly deal: DealView;
  readonly onDone: () => void;
}

function LeftDeal({ deal, onDone }: LeftDealProps): JSX.Element {
  const { http } = useSession();
  const [asked, setAsked] = useState<Step>();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [isOpening, setOpening] = useState(false);
  const heading = useRef<HTMLHeadingElement>(null);
  const [score, setScore] = useState("");
  const take = (packet: Packet | undefined) => {
    if (!packet) return;
    setBusy(true);
    setError(undefined);
    const [name, payload] = packet;
    http
      .send(name, payload)
      .then(onDone)
      // It may have moved on: what it is now is shown with the reason.
      .catch((cause: unknown) => {
        setError(cause);
        onDone();
      })
      .finally(() => {
        setBusy(false);
        setAsked(undefined);
        heading.current?.focus();
      });
  };
  return (
    <li class="card">
      <h3 ref={heading} tabIndex={-1}>
        <bdi>{oneLine(deal.title)}</bdi>
      </h3>
      <p>{dealLine(deal)}</p>
      {error !== undefined && (
        <p role="alert" class="field-error">
          {refusalWords(error)}
        </p>
      )}
      <div class="actions">
        {stepsOf(deal).map((step) => (
          // Pressed twice, for none can be taken back.
          <Button
            key={step}
            kind={asked === step ? "primary" : "plain"}
            busy={busy}
            onClick={() => (asked === step ? take(packetOf(step, deal)) : setAsked(step))}
          >
            {asked === step
              ? t("sanction.confirm_step", { step: t(`sanction.step_${step}`) })
              : t(`sanction.step_${step}`)}
          </Button>
        ))}
        {deal.allowed_actions.includes("open_dispute") && (
          <Button aria-haspopup="dialog" onClick={() => setOpening(true)}>
            {t("dispute.open_begin")}
          </Button>
        )}
      </div>
      {deal.allowed_actions.includes("submit_note") && (
        <form
          class="dispute-form"
          onSubmit={(event) => {
            event.preventDefault();
            if (score) take(["note-submitted", { service: deal.service, score: Number(score) }]);
          }}
        >
          <Field label={t("sanction.rating")}>
            <select value={score} onChange={(event) => setScore(event.currentTarget.value)}>
              <option value="">{t("report.choose")}</option>
              {SCORES.map((one) => (
                <option key={one} value={one}>
                  {t("deal.note_score", { score: one })}
                </option>
              ))}
            </select>
          </Field>
          <Button type="submit" busy={busy}>
            {t("sanction.rate")}
          </Button>
        </form>
      )}
      {isOpening && (
        <OpenDispute
          deal={deal}
          open={({ reason, statement, refund }) =>
            http.openDispute(deal.service, { reason, statement, ...(refund && { refund }) })
          }
          onClose={() => setOpening(false)}
        />
      )}
    </li>
  );
}
