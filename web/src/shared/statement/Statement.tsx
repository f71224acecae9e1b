import type { JSX } from "preact";
import { Words } from "../components/Words.tsx";
import { dayAndTime } from "../format.ts";
import { type Language, language } from "../language.ts";
import { type SharedMessageKey, sharedText } from "../messages.ts";

/** A statement of reasons, as article 17 of the Digital Services Act wants it told. */
export interface Reasons {
  readonly kind: string;
  /** RFC 3339. */
  readonly since: string;
  /** Undefined: until it is lifted. */
  readonly until: string | undefined;
  readonly facts: string;
  readonly ground: string;
  readonly rule: string;
  readonly isFoundByMachine: boolean;
  readonly isDecidedByMachine: boolean;
  /** Undefined where the page says otherwise how one appeals. */
  readonly appealUntil?: string | undefined;
}

interface Props {
  readonly reasons: Reasons;
  /** The reader's; without it the language of the page. */
  readonly inLanguage?: Language;
  readonly heading: "h2" | "h3" | "h4";
  /** How it has ended, if so, in words. */
  readonly ended?: string | undefined;
}

/** The reasons of a sanction, as they are read by the one whom it restricts. */
export function Statement({
  reasons,
  inLanguage = language.value,
  heading: Heading,
  ended,
}: Props): JSX.Element {
  const { since, until, facts, ground, rule, appealUntil } = reasons;
  const t = (key: SharedMessageKey, values = {}) => sharedText(key, values, inLanguage);
  const kind = KINDS.find((one) => one === reasons.kind);
  const lasts = until
    ? t("statement.until", { until: dayAndTime(until, inLanguage) })
    : t(kind === "warning" ? "statement.forbids_nothing" : "statement.until_lifted");
  return (
    <div class="statement" lang={inLanguage}>
      <Heading>{t(`statement.kind_${kind ?? "unspecified"}`)}</Heading>
      <p role="status">{ended ?? lasts}</p>
      {!ended && kind && <p>{t(`statement.means_${kind}`)}</p>}
      <dl class="reasons">
        <dt>{t("statement.facts")}</dt>
        <dd>
          <Words text={facts} />
        </dd>
        <dt>{t(ground === "law" ? "statement.rule_law" : "statement.rule_terms")}</dt>
        <dd>
          <Words text={rule} />
        </dd>
        <dt>{t("statement.since")}</dt>
        <dd>{dayAndTime(since, inLanguage)}</dd>
        <dt>{t("statement.found_by")}</dt>
        <dd>
          {t("statement.by", {
            found: reasons.isFoundByMachine ? "machine" : "person",
            decided: reasons.isDecidedByMachine ? "machine" : "person",
          })}
        </dd>
      </dl>
      {appealUntil && (
        <p>{t("statement.appeal", { until: dayAndTime(appealUntil, inLanguage) })}</p>
      )}
    </div>
  );
}

// A server that is newer may know others.
const KINDS = [
  "banned",
  "conversation_locked",
  "message_removed",
  "muted",
  "statement_removed",
  "suspended",
  "warning",
] as const;
