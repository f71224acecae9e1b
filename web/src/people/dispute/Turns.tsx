import type { DisputeView, LITIGE_STATEMENT, OutboxEntry, Settlement } from "@parley/client";
import type { JSX } from "preact";
import { Button } from "../../shared/components/Button.tsx";
import { Icon } from "../../shared/components/Icon.tsx";
import { Words } from "../../shared/components/Words.tsx";
import { dayAndTime } from "../../shared/format.ts";
import { addressOf } from "../../shared/router.ts";
import { useSnapshot } from "../../shared/stores.ts";
import { oneLine } from "../../shared/words.ts";
import { FailedActions } from "../conversation/FailedActions.tsx";
import { refusalWords } from "../forms/refusals.ts";
import { dismissRefusal, refusals } from "../forms/refused.ts";
import { t } from "../messages.ts";
import { useSession } from "../session.ts";
import { type Turn, turnsOf } from "./rules.ts";
import { splitWords, who } from "./words.ts";

/** The opcode of what is said in a dispute. */
const SAY: typeof LITIGE_STATEMENT = 252;

interface Props {
  readonly dispute: DisputeView;
  readonly exponent: number | undefined;
  readonly onReport: ((number: number, text: string) => void) | undefined;
}

/** Statements and offers of both, and those that are on their way. */
export function Turns({ dispute, exponent, onReport }: Props): JSX.Element {
  const { client } = useSession();
  const refused = refusals(client).value;
  const pending = [...refused, ...useSnapshot(client.pending)].filter(
    ({ op, payload }) => op === SAY && payload["dispute"] === dispute.dispute,
  );
  return (
    <section aria-labelledby="dispute-turns">
      <h2 id="dispute-turns">{t("dispute.turns")}</h2>
      {dispute.truncated && <p class="muted">{t("dispute.truncated")}</p>}
      <div role="log" aria-labelledby="dispute-turns">
        <ol class="rows">
          {turnsOf(dispute).map((turn) => (
            <TurnRow
              key={turn.kind === "offer" ? `o${turn.offer.number}` : `s${turn.statement.number}`}
              turn={turn}
              dispute={dispute}
              exponent={exponent}
              onReport={onReport}
            />
          ))}
          {pending.map((entry) => (
            <PendingTurn key={entry.key} entry={entry} dispute={dispute} exponent={exponent} />
          ))}
        </ol>
      </div>
    </section>
  );
}

interface TurnProps extends Props {
  readonly turn: Turn;
}

function TurnRow({ turn, dispute, exponent, onReport }: TurnProps): JSX.Element {
  const { user } = useSession();
  const by = turn.kind === "offer" ? turn.offer.by : turn.statement.by;
  const isOwn = by === user;
  const names = { who: who(by, user), peer: oneLine(by) };
  return (
    <li class={`row ${isOwn ? "own" : "other"}`}>
      {turn.kind === "offer" ? (
        <p class="bubble offered">
          {t("dispute.offer_by", {
            ...names,
            split: splitWords(turn.offer.settlement, dispute, user, exponent),
          })}
        </p>
      ) : (
        <>
          <span class="unseen">{isOwn ? t("message.you") : t("message.from", names)}</span>
          {turn.statement.removed ? (
            <p class="tombstone">{t("dispute.statement_removed")}</p>
          ) : (
            <p class="bubble">
              <Words text={turn.statement.text} />
            </p>
          )}
        </>
      )}
      <p class="row-end">
        <time dateTime={turn.at}>{dayAndTime(turn.at)}</time>
        {turn.kind === "statement" && isOwn && turn.statement.removed && (
          <a href={addressOf("standing")}>{t("sanction.why")}</a>
        )}
        {turn.kind === "statement" && !isOwn && !turn.statement.removed && onReport && (
          <Button
            kind="quiet"
            class="more"
            aria-haspopup="dialog"
            aria-label={t("dispute.report_statement", { time: dayAndTime(turn.at) })}
            onClick={() => onReport(turn.statement.number, turn.statement.text)}
          >
            {t("report.verb")}
          </Button>
        )}
      </p>
    </li>
  );
}

interface PendingProps {
  readonly entry: OutboxEntry;
  readonly dispute: DisputeView;
  readonly exponent: number | undefined;
}

/** Words and offers that the server has not taken: nobody else has seen them. */
function PendingTurn({ entry, dispute, exponent }: PendingProps): JSX.Element {
  const { client, user } = useSession();
  const { key, state, payload, error } = entry;
  const { text, settlement, accept, withdraw } = payload as {
    text?: string;
    settlement?: Settlement;
    accept?: { settlement: Settlement };
    withdraw?: boolean;
  };
  const isFailed = state === "failed";
  const isKept = client.outbox.entries().some((one) => one.key === key);
  const split = settlement ?? accept?.settlement;
  return (
    <li class={`row own pending ${state}`}>
      {split && (
        <p class="bubble">
          {t(accept ? "dispute.accepting" : "dispute.proposing", {
            split: splitWords(split, dispute, user, exponent),
          })}
        </p>
      )}
      {withdraw && <p class="bubble">{t("dispute.withdrawing")}</p>}
      {text && (
        <p class="bubble">
          <Words text={text} />
        </p>
      )}
      <p class="row-end">
        <span class={`mark ${isFailed ? "failed" : "waiting"}`}>
          <Icon name={isFailed ? "alert" : "clock"} />{" "}
          {t(isFailed ? "mark.failed" : "mark.waiting")}
        </span>
        {state === "queued" && (
          <Button kind="quiet" onClick={() => void client.outbox.cancel(key)}>
            {t("message.cancel")}
          </Button>
        )}
      </p>
      {isFailed && (
        <div class="failure">
          <p>{refusalWords(error)}</p>
          {isKept ? (
            <FailedActions command={key} />
          ) : (
            <Button onClick={() => dismissRefusal(client, key)}>{t("action.close")}</Button>
          )}
        </div>
      )}
    </li>
  );
}
