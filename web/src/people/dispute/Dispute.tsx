import type { DisputeStore, DisputeView, ReportOptions, ReportStatus } from "@parley/client";
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { useNow } from "../../shared/clock.ts";
import { Words } from "../../shared/components/Words.tsx";
import { dayAndTime, fromNow } from "../../shared/format.ts";
import { useSnapshot } from "../../shared/stores.ts";
import { oneLine } from "../../shared/words.ts";
import { useKeptFocus } from "../deal/focus.ts";
import { t } from "../messages.ts";
import { ReportDialog } from "../report/ReportDialog.tsx";
import { useSession } from "../session.ts";
import { AcceptSettlement } from "./AcceptSettlement.tsx";
import { ProposeSettlement } from "./ProposeSettlement.tsx";
import { StatementForm } from "./StatementForm.tsx";
import { Turns } from "./Turns.tsx";
import { WithdrawDispute } from "./WithdrawDispute.tsx";
import {
  amountOf,
  disputeLine,
  disputeReason,
  otherOf,
  outcomeWords,
  refusalOf,
  who,
} from "./words.ts";

/** The steps in a dispute, over the socket or over HTTP. */
export type Acts = Pick<DisputeStore, "state" | "propose" | "accept" | "withdraw">;

interface Props {
  readonly dispute: DisputeView;
  readonly acts: Acts;
  /** Report a statement of the other; absent where that cannot be done. */
  readonly report?: (number: number, options: ReportOptions) => Promise<ReportStatus>;
  /** Called after each step, where nothing else tells of it. */
  readonly onDone?: () => void;
}

/** The parts of a form in a dispute. */
export interface PartProps {
  readonly dispute: DisputeView;
  readonly exponent: number | undefined;
  readonly acts: Acts;
  readonly onDone: () => void;
}

/** A dispute: how it stands, what both have said, and what can be done. */
export function Dispute({ dispute, acts, report, onDone = () => {} }: Props): JSX.Element {
  const { client, user } = useSession();
  const { deal } = useSnapshot(client.deal(dispute.service));
  const [reported, setReported] = useState<{ number: number; text: string }>();
  const heading = useRef<HTMLHeadingElement>(null);
  const box = useRef<HTMLDivElement>(null);
  useKeptFocus(box, heading);
  const exponent = deal?.exponent;
  const { opened_by, claim, resolution, created_at } = dispute;
  const peer = oneLine(otherOf(dispute, user));
  const part: PartProps = { dispute, exponent, acts, onDone };
  return (
    <div ref={box}>
      <h1 ref={heading} tabIndex={-1}>
        {deal ? t("dispute.about", { title: oneLine(deal.title) }) : t("dispute.title")}
      </h1>
      <div role="status">
        <p>
          <strong>{t("dispute.line", { state: disputeLine(dispute) })}</strong>
        </p>
        {dispute.state === "refused" && <p>{refusalOf(dispute)}</p>}
        {resolution && <p class="outcome">{outcomeWords(dispute, user, exponent)}</p>}
      </div>
      {resolution?.facts && (
        <dl class="reasons">
          <dt>{t("sanction.facts")}</dt>
          <dd>
            <Words text={resolution.facts} />
          </dd>
          <dt>{t("sanction.rule_terms")}</dt>
          <dd>
            <Words text={resolution.rule ?? ""} />
          </dd>
        </dl>
      )}
      <Due dispute={dispute} />
      <p>
        {t("dispute.opened_by", {
          who: who(opened_by, user),
          peer,
          when: dayAndTime(created_at),
          reason: disputeReason(dispute),
        })}
        {claim && (
          <>
            {" "}
            {t("dispute.claims", {
              amount: amountOf(dispute, claim.refund.amount_minor, exponent),
            })}
          </>
        )}
      </p>
      <Turns
        dispute={dispute}
        exponent={exponent}
        onReport={report && ((number, text) => setReported({ number, text }))}
      />
      <AcceptSettlement {...part} />
      <ProposeSettlement {...part} />
      <StatementForm {...part} />
      <WithdrawDispute {...part} />
      {reported && report && (
        <ReportDialog
          title={t("report.statement_title")}
          about={`statement ${dispute.dispute} ${reported.number}`}
          words={reported.text}
          report={(options) => report(reported.number, options)}
          onClose={() => setReported(undefined)}
        />
      )}
    </div>
  );
}

function Due({ dispute }: { readonly dispute: DisputeView }): JSX.Element | null {
  const { state, due_at } = dispute;
  const now = useNow(due_at);
  if (!due_at || (state !== "open" && state !== "under_review")) return null;
  return (
    <p class="due">
      {t("dispute.due", { left: fromNow(due_at, now), when: dayAndTime(due_at) })}{" "}
      <span class="muted">{t(`dispute.then_${state}`)}</span>
    </p>
  );
}
