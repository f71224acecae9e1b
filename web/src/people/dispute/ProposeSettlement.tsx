import type { DisputeView, ShownSettlement } from "@parley/client";
import { exponentOf } from "@parley/client";
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Banner } from "../../shared/components/Banner.tsx";
import { Button } from "../../shared/components/Button.tsx";
import { language } from "../../shared/language.ts";
import { oneLine } from "../../shared/words.ts";
import { useCommand } from "../forms/commands.ts";
import { type Draft, useDraft } from "../forms/drafts.ts";
import { AmountField, TextField } from "../forms/fields.tsx";
import { lengthProblem } from "../forms/problems.ts";
import { Waiting } from "../forms/Waiting.tsx";
import { t } from "../messages.ts";
import { useSession } from "../session.ts";
import type { PartProps } from "./Dispute.tsx";
import { OldAndNew } from "./OldAndNew.tsx";
import { divide, newestOffer, readPart } from "./rules.ts";
import { amountOf, LONGEST_STATEMENT, partProblem, splitWords } from "./words.ts";

/** The form that proposes how the agreed price is divided. */
export function ProposeSettlement(props: PartProps): JSX.Element | null {
  const { dispute } = props;
  const draft = useDraft(`settlement ${dispute.dispute}`, { amount: "", words: "" });
  const [isShown, setShown] = useState(draft.fields.amount !== "");
  const button = useRef<HTMLDivElement>(null);
  const wasShown = useRef(false);
  useLayoutEffect(() => {
    // The form has taken the place of the button, or given it back.
    if (wasShown.current && !isShown) button.current?.querySelector("button")?.focus();
    wasShown.current = isShown;
  }, [isShown]);
  if (!dispute.price || (!dispute.allowed_actions.includes("propose") && !isShown)) return null;
  if (isShown)
    return <Form {...props} price={dispute.price} draft={draft} onClose={() => setShown(false)} />;
  return (
    <div class="actions" ref={button}>
      <Button onClick={() => setShown(true)}>{t("dispute.propose_begin")}</Button>
    </div>
  );
}

interface FormProps extends PartProps {
  readonly price: NonNullable<DisputeView["price"]>;
  readonly draft: Draft<"amount" | "words">;
  readonly onClose: () => void;
}

function Form({ dispute, exponent, acts, onDone, price, draft, onClose }: FormProps): JSX.Element {
  const { user } = useSession();
  const { amount, words } = draft.fields;
  const [before] = useState<ShownSettlement | undefined>(() => newestOffer(dispute));
  const [problem, setProblem] = useState<string>();
  const field = useRef<HTMLInputElement>(null);
  const command = useCommand<DisputeView>({ rows: true });
  const { progress, taken, answer } = command;
  useLayoutEffect(() => field.current?.focus(), []);
  useEffect(() => {
    if (answer) onDone();
    if (!taken) return;
    draft.type({ amount: "", words: "" });
    onClose();
  }, [taken, answer]);
  const decimals = exponent ?? exponentOf(price.currency);
  const part = readPart(amount, price, decimals, language.value);
  const most = amountOf(dispute, price.amount_minor, exponent);
  const newest = newestOffer(dispute);
  const isOther = newest && newest.number !== before?.number && newest.by !== user;
  const mayPropose = dispute.allowed_actions.includes("propose");
  const send = () => {
    const text = words.trim();
    const wrong = lengthProblem(text, LONGEST_STATEMENT);
    if ("problem" in part) setProblem(partProblem(part.problem, { most }));
    else if (wrong) setProblem(wrong);
    else {
      setProblem(undefined);
      const settlement = divide(price, part.minor);
      command.send((key) => acts.propose(settlement, { key, ...(text && { text }) }));
    }
  };
  return (
    <form
      class="dispute-form"
      noValidate
      aria-label={t("dispute.propose_title")}
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <h2>{t("dispute.propose_title")}</h2>
      {isOther && (
        <Banner kind="warning">
          <OldAndNew
            title={t("dispute.proposed_meanwhile", { peer: oneLine(newest.by) })}
            before={before && splitWords(before.settlement, dispute, user, exponent)}
            now={splitWords(newest.settlement, dispute, user, exponent)}
          />
        </Banner>
      )}
      {!mayPropose && <Banner kind="warning">{t("dispute.kept_words")}</Banner>}
      <AmountField
        label={t("dispute.part", {
          who: dispute.client === user ? "you" : "peer",
          peer: oneLine(dispute.client),
        })}
        hint={t("dispute.part_hint", { most })}
        error={problem}
        inputRef={field}
        value={amount}
        onType={(typed) => {
          setProblem(undefined);
          draft.type({ amount: typed });
        }}
      />
      <p role="status">
        {"minor" in part && splitWords(divide(price, part.minor), dispute, user, exponent)}
      </p>
      <TextField
        label={t("dispute.propose_words")}
        rows={2}
        value={words}
        onType={(typed) => draft.type({ words: typed })}
      />
      <Waiting command={command} />
      <div class="actions">
        {mayPropose && (
          <Button type="submit" kind="primary" busy={progress === "sending"}>
            {t("action.propose")}
          </Button>
        )}
        <Button onClick={onClose}>{t("action.close")}</Button>
      </div>
    </form>
  );
}
