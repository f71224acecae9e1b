import type { DealStore, DealView, DisputeView, LITIGE_CREATED } from "@parley/client";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { useNow } from "../../shared/clock.ts";
import { Button } from "../../shared/components/Button.tsx";
import { Words } from "../../shared/components/Words.tsx";
import { dayAndTime, fromNow } from "../../shared/format.ts";
import { addressOf } from "../../shared/router.ts";
import { useSnapshot } from "../../shared/stores.ts";
import { oneLine } from "../../shared/words.ts";
import { FailedActions } from "../conversation/FailedActions.tsx";
import { refusalWords } from "../forms/refusals.ts";
import { t } from "../messages.ts";
import { useSession } from "../session.ts";
import { OpenDispute } from "./OpenDispute.tsx";
import { newestOffer } from "./rules.ts";
import { disputeLine, outcomeWords, splitWords } from "./words.ts";

/** The opcode of the packet that opens a dispute. */
const OPEN: typeof LITIGE_CREATED = 227;

interface Props {
  readonly deal: DealStore;
  /** The deal and its dispute as they were shown last, until the server has told. */
  readonly shown: DealView;
  readonly shownDispute: DisputeView | undefined;
}

/** The dispute about a deal in a few lines, or the way to open one. */
export function DisputePanel({ deal: store, shown, shownDispute }: Props): JSX.Element | null {
  const { client } = useSession();
  const view = useSnapshot(store);
  const deal = view.deal ?? shown;
  const newest = view.dispute ?? shownDispute;
  const dispute = newest?.service === deal.service ? newest : undefined;
  const [isOpening, setOpening] = useState(false);
  const opening = useSnapshot(client.pending).filter(
    ({ op, payload }) => op === OPEN && payload["service"] === deal.service,
  );
  const mayOpen = deal.allowed_actions.includes("open_dispute") && !opening.length;
  if (!dispute && !mayOpen && !opening.length && !isOpening) return null;
  return (
    <div class="dispute-panel">
      {dispute && <Summary dispute={dispute} exponent={deal.exponent} />}
      {!isOpening &&
        opening.map(({ key, state, payload, error }) => (
          <div key={key} class="change">
            <p>{t(state === "failed" ? "dispute.not_opened" : "dispute.opening_waits")}</p>
            <p class="bubble">
              <Words text={String(payload["statement"])} />
            </p>
            {state === "failed" && (
              <>
                <p class="field-error">{refusalWords(error)}</p>
                <FailedActions command={key} />
              </>
            )}
          </div>
        ))}
      {mayOpen && (
        <Button kind="quiet" aria-haspopup="dialog" onClick={() => setOpening(true)}>
          {t("dispute.open_begin")}
        </Button>
      )}
      {isOpening && (
        <OpenDispute
          deal={deal}
          open={(options) => store.openDispute(options)}
          onClose={() => setOpening(false)}
        />
      )}
    </div>
  );
}

interface SummaryProps {
  readonly dispute: DisputeView;
  readonly exponent: number;
}

function Summary({ dispute, exponent }: SummaryProps): JSX.Element {
  const { user } = useSession();
  const now = useNow(dispute.due_at);
  const offer = newestOffer(dispute);
  const isTheirs = offer && offer.by !== user && dispute.allowed_actions.includes("accept");
  return (
    <>
      <p>
        {t("dispute.line", { state: disputeLine(dispute) })} {outcomeWords(dispute, user, exponent)}
        {dispute.due_at && (
          <span class="muted">
            {" "}
            {t("dispute.due", {
              left: fromNow(dispute.due_at, now),
              when: dayAndTime(dispute.due_at),
            })}
          </span>
        )}
      </p>
      {isTheirs && (
        <p>
          {t("dispute.offer_by", {
            who: "peer",
            peer: oneLine(offer.by),
            split: splitWords(offer.settlement, dispute, user, exponent),
          })}
        </p>
      )}
      <a class="button" href={addressOf("dispute", dispute.dispute)}>
        {t("dispute.open_page")}
      </a>
    </>
  );
}
