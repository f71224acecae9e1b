import type { DealView, DisputeOptions, DisputeView } from "@parley/client";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Banner } from "../../shared/components/Banner.tsx";
import { Dialog } from "../../shared/components/Dialog.tsx";
import { Field } from "../../shared/components/Field.tsx";
import { money } from "../../shared/format.ts";
import { language } from "../../shared/language.ts";
import { useGo } from "../../shared/router.ts";
import { dealLine } from "../deal/words.ts";
import { useCommand } from "../forms/commands.ts";
import { useDraft } from "../forms/drafts.ts";
import { FormEnd } from "../forms/FormEnd.tsx";
import { AmountField, TextField } from "../forms/fields.tsx";
import { lengthProblem } from "../forms/problems.ts";
import { t } from "../messages.ts";
import { readPart } from "./rules.ts";
import { DISPUTE_REASONS, LONGEST_STATEMENT, partProblem } from "./words.ts";

interface Props {
  /** As it stands now. */
  readonly deal: DealView;
  readonly open: (options: DisputeOptions) => Promise<DisputeView>;
  readonly onClose: () => void;
}

interface Problems {
  readonly reason?: string;
  readonly statement?: string;
  readonly refund?: string;
}

/** The form that opens a dispute about a deal. */
export function OpenDispute({ deal, open, onClose }: Props): JSX.Element {
  const go = useGo();
  const [shown] = useState(deal);
  const draft = useDraft(`dispute ${deal.service}`, { reason: "", statement: "", refund: "" });
  const { reason, statement, refund } = draft.fields;
  const [problems, setProblems] = useState<Problems>({});
  const command = useCommand<DisputeView>();
  const { progress, isWaiting, answer } = command;
  const price = deal.agreed?.price;
  const most = price ? money(price, deal.exponent) : "";
  useEffect(() => {
    if (progress === "kept" || progress === "done") draft.forget();
    if (progress === "refused") draft.restore();
    if (!answer) return;
    onClose();
    go(["dispute", answer.dispute]);
  }, [progress, answer]);
  const send = () => {
    const text = statement.trim();
    const wrong = text ? lengthProblem(text, LONGEST_STATEMENT) : t("dispute.no_statement");
    const part =
      refund.trim() && price ? readPart(refund, price, deal.exponent, language.value) : undefined;
    const found: Problems = {
      ...(!reason && { reason: t("dispute.no_reason") }),
      ...(wrong && { statement: wrong }),
      ...(part && "problem" in part && { refund: partProblem(part.problem, { most }) }),
    };
    setProblems(found);
    if (Object.keys(found).length) return;
    command.send((key) =>
      open({
        reason: reason as DisputeOptions["reason"],
        statement: text,
        key,
        ...(part &&
          "minor" in part &&
          price && { refund: { amount_minor: part.minor, currency: price.currency } }),
      }),
    );
  };
  return (
    <Dialog title={t("dispute.open_title")} onClose={onClose}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          send();
        }}
      >
        {dealLine(shown) !== dealLine(deal) && (
          <Banner kind="error">
            <p>{t("dispute.deal_changed")}</p>
            <p>{t("dispute.before", { words: dealLine(shown) })}</p>
            <p>{t("dispute.now", { words: dealLine(deal) })}</p>
          </Banner>
        )}
        {!deal.allowed_actions.includes("open_dispute") && !isWaiting && (
          <Banner kind="warning">{t("dispute.not_now")}</Banner>
        )}
        <p class="muted">{t("dispute.what_happens")}</p>
        <Field label={t("dispute.reason")} error={problems.reason}>
          <select
            value={reason}
            onChange={(event) => draft.type({ reason: event.currentTarget.value })}
          >
            <option value="">{t("report.choose")}</option>
            {DISPUTE_REASONS.map((one) => (
              <option key={one} value={one}>
                {t(`dispute.reason_${one}`)}
              </option>
            ))}
          </select>
        </Field>
        <TextField
          label={t("dispute.statement")}
          hint={t("dispute.statement_hint")}
          error={problems.statement}
          rows={4}
          value={statement}
          onType={(typed) => draft.type({ statement: typed })}
        />
        {price && (
          <AmountField
            label={t("dispute.refund")}
            hint={t("dispute.refund_hint", { most })}
            error={problems.refund}
            value={refund}
            onType={(typed) => draft.type({ refund: typed })}
          />
        )}
        <FormEnd command={command} onClose={onClose}>
          {t("dispute.open")}
        </FormEnd>
      </form>
    </Dialog>
  );
}
