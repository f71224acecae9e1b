import type { DealStore, DealView } from "@parley/client";
import type { JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { Button } from "../../../shared/components/Button.tsx";
import { Dialog } from "../../../shared/components/Dialog.tsx";
import { Words } from "../../../shared/components/Words.tsx";
import { language } from "../../../shared/language.ts";
import { useSnapshot } from "../../../shared/stores.ts";
import { type Fields, useDraft } from "../../forms/drafts.ts";
import { FormEnd } from "../../forms/FormEnd.tsx";
import { Choice, TextField } from "../../forms/fields.tsx";
import { useFirstProblem } from "../../forms/problems.ts";
import { t } from "../../messages.ts";
import { useSession } from "../../session.ts";
import { readAmount, typedAmount } from "../amounts.ts";
import { Differences } from "../Differences.tsx";
import { differencesOf, liveOffer } from "../differences.ts";
import { DANGEROUS, draftOf, FORMS, type Step } from "../steps.ts";
import { dealMoney, dealTitle, peerOf, whoWords } from "../words.ts";
import { useDialogCommand } from "./command.ts";
import { PriceField } from "./PriceField.tsx";
import { fieldProblems, type Problems, textProblem } from "./problems.ts";

type Typed = Fields<"amount" | "note" | "reason" | "score" | "comment">;

interface Props {
  /** The deal as it was shown when the step was chosen. */
  readonly deal: DealView;
  readonly step: Step;
  readonly onClose: () => void;
}

/**
 * The form or the question before a step. When the deal moves on meanwhile, old and new are shown, and
 * nothing is sent until the person has looked at the new one and asks for it again.
 */
export function StepDialog({ deal, step, onClose }: Props): JSX.Element {
  const { client, user } = useSession();
  const store = client.deal(deal.service);
  const current = useSnapshot(store).deal ?? deal;
  const [seen, setSeen] = useState(deal);
  const [problems, setProblems] = useState<Problems>({});
  const draft = useDraft(draftOf(step, deal.service), initial(deal, step));
  const summary = useRef<HTMLDivElement>(null);
  const close = () => {
    draft.forget();
    onClose();
  };
  const command = useDialogCommand(close);
  const { progress, error } = command;
  const isUnderWay = command.isWaiting || progress === "done";
  const isKept = progress === "kept";
  const form = useFirstProblem(problems, error);
  const look = () => summary.current?.focus();
  useLayoutEffect(() => {
    // Who presses Enter twice has not looked.
    if (FORMS[step] === "confirmation") look();
  }, [step]);
  const changed = isUnderWay ? [] : differencesOf(seen, current);
  const isAllowed = isUnderWay || current.allowed_actions.includes(step);
  const isBlocked = changed.length > 0 || !isAllowed;
  const { fields } = draft;
  const type = (typed: Partial<Typed>) => {
    setProblems({});
    if (progress === "refused") command.reset();
    draft.type(typed);
  };
  const refused = { ...fieldProblems(error), ...problems };
  const submit = () => {
    // What has come since the last rendering was not seen.
    if (isUnderWay || isBlocked || differencesOf(seen, store.current ?? current).length) return;
    const { taken, wrong } = prepare(store, seen, step, fields);
    setProblems(wrong);
    if (taken) command.send((key) => taken({ key }));
  };
  const offer = liveOffer(seen);
  return (
    <Dialog title={t(`deal.step_${step}`)} onClose={isKept ? close : onClose}>
      <form
        ref={form}
        class="deal-form"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        {changed.length > 0 && (
          <div class="changed" role="alert">
            <p>{t(FORMS[step] === "confirmation" ? "deal.offer_changed" : "deal.changed")}</p>
            <Differences deal={current} caption={t("deal.changed_caption")} differences={changed} />
            {isAllowed && (
              <Button
                onClick={() => {
                  setSeen(current);
                  command.reset();
                  look();
                }}
              >
                {t("deal.looked")}
              </Button>
            )}
          </div>
        )}
        {!isAllowed && <p role="alert">{t("deal.not_possible")}</p>}
        {/* biome-ignore lint/a11y/useSemanticElements: a fieldset is for fields. */}
        <div
          ref={summary}
          class="deal-summary"
          role="group"
          tabIndex={-1}
          aria-label={t("deal.about")}
        >
          <p>
            <bdi>{dealTitle(seen)}</bdi>
          </p>
          <p>
            {t(seen.provider === user ? "deal.you_provide" : "deal.you_pay", {
              ...whoWords(peerOf(seen, user), user),
            })}
          </p>
          {seen.agreed && (
            <p>{t("deal.agreed_price", { price: dealMoney(seen.agreed.price, seen) })}</p>
          )}
          {offer && (
            <p>
              {t(seen.agreed ? "deal.amendment_of" : "deal.offer_of", whoWords(offer.by, user))}{" "}
              <strong class="deal-price">{dealMoney(offer.price, seen)}</strong>
            </p>
          )}
          {offer?.note && <Words text={offer.note} />}
        </div>
        {step === "accept" && seen.description && (
          <p class="bubble quoted">
            <Words text={seen.description} />
          </p>
        )}
        <p>{t(`deal.explain_${step}`, { ...whoWords(peerOf(seen, user), user) })}</p>
        {FORMS[step] === "price" && (
          <>
            <PriceField
              value={fields.amount}
              currency={seen.currency}
              exponent={seen.exponent}
              error={refused.amount ?? refused.currency}
              onType={(amount) => type({ amount })}
            />
            <TextField
              label={t("deal.note")}
              value={fields.note}
              error={refused.note}
              onType={(note) => type({ note })}
            />
          </>
        )}
        {FORMS[step] === "reason" && (
          <TextField
            label={t("form.own_words")}
            value={fields.reason}
            error={refused.reason}
            onType={(reason) => type({ reason })}
          />
        )}
        {FORMS[step] === "note" && (
          <>
            <Choice
              label={t("deal.score")}
              value={fields.score}
              options={["1", "2", "3", "4", "5"].map((one) => [
                one,
                t("deal.note_score", { score: Number(one) }),
              ])}
              error={refused.score}
              onChoose={(score) => type({ score })}
            />
            <TextField
              label={t("form.own_words")}
              value={fields.comment}
              error={refused.comment}
              onType={(comment) => type({ comment })}
            />
          </>
        )}
        <FormEnd
          command={command}
          isTold={Object.keys(refused).length > 0}
          isBlocked={isBlocked}
          kind={DANGEROUS.has(step) ? "danger" : "primary"}
          onClose={isKept ? close : onClose}
        >
          {step === "accept" && offer
            ? t("deal.accept_price", { price: dealMoney(offer.price, seen) })
            : t(`deal.step_${step}`)}
        </FormEnd>
      </form>
    </Dialog>
  );
}

function initial(deal: DealView, step: Step): Typed {
  const own = step === "revise" ? liveOffer(deal)?.price : undefined;
  const note = step === "submit_note" ? deal.notes?.mine : undefined;
  return {
    amount: own ? typedAmount(own.amount_minor, deal.exponent, language.value) : "",
    note: "",
    reason: "",
    score: note ? String(note.score) : "",
    comment: note?.comment ?? "",
  };
}

type Taken = (options: { readonly key: string }) => Promise<DealView>;

/** What is sent for a step, or what is wrong with what was typed. */
function prepare(
  store: DealStore,
  seen: DealView,
  step: Step,
  typed: Typed,
): { readonly taken?: Taken; readonly wrong: Problems } {
  const words = (text: string) => text.trim() || undefined;
  const wrongText = (field: "note" | "reason" | "comment") => {
    const problem = textProblem(field, typed[field].trim());
    return problem ? { [field]: problem } : {};
  };
  const offer = liveOffer(seen);
  if (step === "accept" || step === "decline" || step === "withdraw") {
    return { wrong: {}, ...(offer && { taken: (options) => store[step](offer, options) }) };
  }
  if (step === "submit_note") {
    const wrong: Problems = {
      ...(!typed.score && { score: t("deal.problem_score") }),
      ...wrongText("comment"),
    };
    if (Object.keys(wrong).length) return { wrong };
    const comment = words(typed.comment);
    const said = comment === undefined ? {} : { comment };
    const taken: Taken = (options) =>
      store.submitNote(Number(typed.score), { ...options, ...said });
    return { wrong, taken };
  }
  if (step === "counter" || step === "revise" || step === "propose_amendment") {
    const { currency, exponent } = seen;
    const read = readAmount(typed.amount, currency, exponent, language.value);
    const wrong: Problems = {
      ...("problem" in read && { amount: t(`deal.amount_${read.problem}`, { exponent }) }),
      ...wrongText("note"),
    };
    if ("problem" in read || wrong.note) return { wrong };
    const price = { amount_minor: read.minor, currency };
    const note = words(typed.note);
    const said = note === undefined ? {} : { note };
    if (step === "propose_amendment")
      return { wrong, taken: (options) => store.proposeAmendment(price, { ...options, ...said }) };
    if (!offer) return { wrong };
    return { wrong, taken: (options) => store[step](offer, price, { ...options, ...said }) };
  }
  const wrong = wrongText("reason");
  if (Object.keys(wrong).length) return { wrong };
  const reason = words(typed.reason);
  const said = reason === undefined ? {} : { reason };
  const does = {
    deliver: store.deliver,
    complete: store.complete,
    reopen: store.reopen,
    request_cancellation: store.requestCancellation,
    confirm_cancellation: store.confirmCancellation,
  }[step];
  return { wrong, taken: (options) => does.call(store, { ...options, ...said }) };
}
