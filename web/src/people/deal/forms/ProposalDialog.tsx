import { type ConversationStore, type ConversationView, exponentOf } from "@parley/client";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Dialog } from "../../../shared/components/Dialog.tsx";
import { Field } from "../../../shared/components/Field.tsx";
import { language } from "../../../shared/language.ts";
import { recall, remember } from "../../../shared/settings.ts";
import { oneLine } from "../../../shared/words.ts";
import { type Fields, useDraft } from "../../forms/drafts.ts";
import { FormEnd } from "../../forms/FormEnd.tsx";
import { Choice, TextField } from "../../forms/fields.tsx";
import { useFirstProblem } from "../../forms/problems.ts";
import { t } from "../../messages.ts";
import { readAmount } from "../amounts.ts";
import { draftOf, isOpen } from "../steps.ts";
import { dealLine, dealTitle } from "../words.ts";
import { useDialogCommand } from "./command.ts";
import { PriceField } from "./PriceField.tsx";
import { fieldProblems, type Problems, textProblem } from "./problems.ts";

type Typed = Fields<"role" | "title" | "description" | "amount" | "currency" | "lasts">;

/** How long an offer may last, in seconds, by a server's default settings. */
const HOUR = 3_600;
const DAY = 24 * HOUR;
const LASTS = [HOUR, 6 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY];

interface Props {
  readonly conversation: ConversationStore;
  readonly view: ConversationView;
  readonly onClose: () => void;
}

/** The form with which a deal begins. */
export function ProposalDialog({ conversation, view, onClose }: Props): JSX.Element {
  const { deal, peer = "" } = view;
  const [problems, setProblems] = useState<Problems>({});
  const draft = useDraft(draftOf("propose", view.conversation), {
    role: "",
    title: "",
    description: "",
    amount: "",
    currency: deal?.currency ?? recall("currency") ?? "EUR",
    lasts: "",
  });
  const close = () => {
    draft.forget();
    onClose();
  };
  const command = useDialogCommand(close);
  const { progress, error } = command;
  const isUnderWay = command.isWaiting || progress === "done";
  const isKept = progress === "kept";
  const form = useFirstProblem(problems, error);
  const fields = { ...draft.fields, currency: currencyOf(draft.fields) };
  // The other was faster.
  const isBlocked = !isUnderWay && isOpen(deal);
  const type = (typed: Partial<Typed>) => {
    setProblems({});
    if (progress === "refused") command.reset();
    draft.type(typed);
  };
  const refused = { ...fieldProblems(error), ...problems };
  const exponent = exponentOf(fields.currency);
  const submit = () => {
    if (isUnderWay || isBlocked) return;
    const { role, currency, lasts } = fields;
    const [title, description] = [fields.title.trim(), fields.description.trim()];
    const read = readAmount(fields.amount, currency, exponent, language.value);
    const wrong: Record<string, string | undefined> = {
      role: role ? undefined : t("deal.problem_role"),
      title: textProblem("title", title),
      description: textProblem("description", description),
      amount: "problem" in read ? t(`deal.amount_${read.problem}`, { exponent }) : undefined,
    };
    const found = Object.fromEntries(Object.entries(wrong).filter(([, problem]) => problem));
    setProblems(found);
    if (Object.keys(found).length || "problem" in read) return;
    remember("currency", currency);
    const proposal = {
      role: role as "client" | "provider",
      title,
      price: { amount_minor: read.minor, currency },
      ...(description && { description }),
      ...(lasts && { offer_ttl_s: Number(lasts) }),
    };
    command.send((key) => conversation.propose(proposal, { key }));
  };
  return (
    <Dialog title={t("deal.propose")} onClose={isKept ? close : onClose}>
      <form
        ref={form}
        class="deal-form"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        {isBlocked && deal && (
          <div class="changed" role="alert">
            <p>{t("deal.other_was_faster")}</p>
            <p>
              <bdi>{dealTitle(deal)}</bdi>. {dealLine(deal)}
            </p>
          </div>
        )}
        <Choice
          label={t("deal.role")}
          value={fields.role}
          options={[
            ["provider", t("deal.role_provider", { peer: oneLine(peer) })],
            ["client", t("deal.role_client", { peer: oneLine(peer) })],
          ]}
          error={refused.role}
          onChoose={(role) => type({ role })}
        />
        <Field label={t("deal.field_title")} error={refused.title}>
          <input
            value={fields.title}
            dir="auto"
            autocomplete="off"
            onInput={(event) => type({ title: event.currentTarget.value })}
          />
        </Field>
        <TextField
          label={t("deal.description_label")}
          value={fields.description}
          error={refused.description}
          onType={(description) => type({ description })}
        />
        <PriceField
          value={fields.amount}
          currency={fields.currency}
          exponent={exponent}
          error={refused.amount}
          onType={(amount) => type({ amount })}
        />
        <Field label={t("deal.currency")} error={refused.currency}>
          <select
            value={fields.currency}
            onChange={(event) => type({ currency: event.currentTarget.value })}
          >
            {currencies(fields.currency).map(([code, name]) => (
              <option key={code} value={code}>
                {code === name ? code : `${code} – ${name}`}
              </option>
            ))}
          </select>
        </Field>
        <Field label={t("deal.lasts")} error={refused.lasts}>
          <select
            value={fields.lasts}
            onChange={(event) => type({ lasts: event.currentTarget.value })}
          >
            <option value="">{t("deal.lasts_usual")}</option>
            {LASTS.map((seconds) => (
              <option key={seconds} value={String(seconds)}>
                {duration(seconds)}
              </option>
            ))}
          </select>
        </Field>
        <FormEnd
          command={command}
          isTold={Object.keys(refused).length > 0}
          isBlocked={isBlocked}
          onClose={isKept ? close : onClose}
        >
          {t("action.propose")}
        </FormEnd>
      </form>
    </Dialog>
  );
}

/** The currency that was chosen; whatever else the browser has kept is none. */
function currencyOf({ currency }: Typed): string {
  return /^[A-Z]{3}$/.test(currency) ? currency : "EUR";
}

/** The currencies that the browser knows, by code; the server says which of them it takes. */
function currencies(chosen: string): [code: string, name: string][] {
  const codes = new Set([...Intl.supportedValuesOf("currency"), chosen]);
  const names = new Intl.DisplayNames(language.value, { type: "currency" });
  return [...codes].sort().map((code) => [code, names.of(code) ?? code]);
}

function duration(seconds: number): string {
  const [count, unit] = seconds < DAY ? [seconds / HOUR, "hour"] : [seconds / DAY, "day"];
  const options = { style: "unit", unit, unitDisplay: "long" } as const;
  return new Intl.NumberFormat(language.value, options).format(count);
}
