import type { JSX } from "preact";
import { Words } from "../components/Words.tsx";
import { dayAndTime } from "../format.ts";
import { type Language, language } from "../language.ts";
import { type SharedMessageKey, sharedText } from "../messages.ts";

/** Why somebody is restricted, as article 17 of the Digital Services Act wants it told. */
export interface Reasons {
  readonly kind: string;
  /** RFC 3339. */
  readonly since: string | undefined;
  /** Undefined: until it is lifted. */
  readonly until: string | undefined;
  readonly facts: string;
  readonly ground: string;
  readonly rule: string;
  readonly isDetectedByMachine: boolean;
  readonly isDecidedByMachine: boolean;
  readonly appealUntil: string | undefined;
}

interface Props {
  readonly reasons: Reasons;
  /** The reader's; without it the language of the page. */
  readonly inLanguage?: Language;
}

/** A statement of reasons, as the one reads it whom it restricts. */
export function Statement({ reasons, inLanguage = language.value }: Props): JSX.Element {
  const { kind, since, until, facts, ground, rule, appealUntil } = reasons;
  const t = (key: SharedMessageKey, values = {}) => sharedText(key, values, inLanguage);
  return (
    <div class="statement" lang={inLanguage}>
      <p>
        <strong>{t(kindKey(kind))}</strong>
      </p>
      <dl>
        <dt>{t("statement.facts")}</dt>
        <dd>
          <Words text={facts} />
        </dd>
        <dt>{t("statement.rule")}</dt>
        <dd>
          <Words text={rule} />
        </dd>
        <dt>{t("statement.ground")}</dt>
        <dd>{t(groundKey(ground))}</dd>
        {since && (
          <>
            <dt>{t("statement.from")}</dt>
            <dd>{dayAndTime(since, inLanguage)}</dd>
          </>
        )}
        {kind !== "warning" && (
          <>
            <dt>{t("statement.until")}</dt>
            <dd>{until ? dayAndTime(until, inLanguage) : t("statement.until_lifted")}</dd>
          </>
        )}
      </dl>
      <p>{t(machineKey(reasons))}</p>
      {appealUntil && (
        <p>{t("statement.appeal", { until: dayAndTime(appealUntil, inLanguage) })}</p>
      )}
    </div>
  );
}

const KINDS = [
  "banned",
  "conversation_locked",
  "message_removed",
  "muted",
  "statement_removed",
  "suspended",
  "warning",
] as const;

function kindKey(kind: string): SharedMessageKey {
  // A kind that is newer than this app.
  return `statement.kind_${KINDS.find((one) => one === kind) ?? "unspecified"}`;
}

function groundKey(ground: string): SharedMessageKey {
  return ground === "law" || ground === "terms"
    ? `statement.ground_${ground}`
    : "statement.ground_unspecified";
}

function machineKey({ isDetectedByMachine, isDecidedByMachine }: Reasons): SharedMessageKey {
  if (isDetectedByMachine && isDecidedByMachine) return "statement.automated_both";
  if (isDecidedByMachine) return "statement.automated_decision";
  return isDetectedByMachine ? "statement.automated_detection" : "statement.automated_none";
}
