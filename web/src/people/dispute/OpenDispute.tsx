import type { DealView, DisputeOptions, DisputeView } from "@parley/client";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Banner } from "../../shared/components/Banner.tsx";
import { Button } from "../../shared/components/Button.tsx";
import { Dialog } from "../../shared/components/Dialog.tsx";
import { Field } from "../../shared/components/Field.tsx";
import { money } from "../../shared/format.ts";
import { language } from "../../shared/language.ts";
import { useGo } from "../../shared/router.ts";
import { dealLine } from "../deal/words.ts";
import { useCommand } from "../forms/commands.ts";
import { useDraft } from "../forms/drafts.ts";
import { Waiting } from "../forms/Waiting.tsx";
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
  const reason = useDraft(`dispute reason ${deal.service}`);
  const statement = useDraft(`dispute ${deal.service}`);
  const refund = useDraft(`refund ${deal.service}`);
  const [problems, setProblems] = useState<Problems>({});
  const command = useCommand<DisputeView>();
  const { progress, answer } = command;
  const price = deal.agreed?.price;
  const most = price ? money(price, deal.exponent) : "";
  useEffect(() => {
    if (progress === "kept" || progress === "done") {
      reason.forget();
      statement.forget();
      refund.forget();
    } else if (progress === "refused") {
      reason.restore();
      statement.restore();
      refund.restore();
    }
    if (!answer) return;
    onClose();
    go(["dispute", answer.dispute]);
  }, [progress, answer]);
  const send = () => {
    const text = statement.text.trim();
    const count = [...text].length;
    const part =
      refund.text.trim() && price
        ? readPart(refund.text, price, deal.exponent, language.value)
        : undefined;
    const found: Problems = {
      ...(!reason.text && { reason: t("dispute.no_reason") }),
      ...(!count && { statement: t("dispute.no_statement") }),
      ...(count > LONGEST_STATEMENT && {
        statement: t("dispute.too_long", { count, limit: LONGEST_STATEMENT }),
      }),
      ...(part && "problem" in part && { refund: partProblem(part.problem, { most }) }),
    };
    setProblems(found);
    if (Object.keys(found).length) return;
    command.send((key) =>
      open({
        reason: reason.text as DisputeOptions["reason"],
        statement: text,
        key,
        ...(part &&
          "minor" in part &&
          price && { refund: { amount_minor: part.minor, currency: price.currency } }),
      }),
    );
  };
  const isWaiting = progress === "sending" || progress === "kept";
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
          <select value={reason.text} onChange={(event) => reason.type(event.currentTarget.value)}>
            <option value="">{t("report.choose")}</option>
            {DISPUTE_REASONS.map((one) => (
              <option key={one} value={one}>
                {t(`dispute.reason_${one}`)}
              </option>
            ))}
          </select>
        </Field>
        <Field
          label={t("dispute.statement")}
          hint={t("dispute.statement_hint")}
          error={problems.statement}
        >
          <textarea
            dir="auto"
            rows={4}
            value={statement.text}
            onInput={(event) => statement.type(event.currentTarget.value)}
          />
        </Field>
        {price && (
          <Field
            label={t("dispute.refund")}
            hint={t("dispute.refund_hint", { most })}
            error={problems.refund}
          >
            <input
              inputmode="decimal"
              autocomplete="off"
              value={refund.text}
              onInput={(event) => refund.type(event.currentTarget.value)}
            />
          </Field>
        )}
        <Waiting command={command} />
        <div class="actions">
          <Button type="submit" kind="primary" busy={isWaiting}>
            {t("dispute.open")}
          </Button>
          <Button onClick={onClose}>{t(isWaiting ? "action.close" : "action.cancel")}</Button>
        </div>
      </form>
    </Dialog>
  );
}
