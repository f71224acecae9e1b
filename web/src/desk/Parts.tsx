/** Parts of cases that several screens show: decisions, sanctions, appeals, evidence. */

import type { JSX } from "preact";
import { Words } from "../shared/components/Words.tsx";
import { dayAndTime } from "../shared/format.ts";
import { addressOf } from "../shared/router.ts";
import { type Reasons, Statement } from "../shared/statement/Statement.tsx";
import { oneLine } from "../shared/words.ts";
import type { Snapshot } from "./case/evidence.ts";
import type {
  Appeal,
  Decision,
  Evidence,
  Resolution,
  Sanction,
  Statement as StatementOfReasons,
} from "./generated/api.ts";
import { t, wordFor } from "./messages.ts";
import { sanctionWords, splitWords } from "./words.ts";

/** A statement of reasons of the API, as it is shown. */
export function reasonsIn(statement: StatementOfReasons): Reasons {
  return {
    kind: statement.kind,
    since: statement.start_time,
    until: statement.until_time ?? undefined,
    facts: statement.facts,
    ground: statement.ground,
    rule: statement.rule,
    isFoundByMachine: statement.automated_detection,
    isDecidedByMachine: statement.automated_decision,
    appealUntil: statement.appeal_until_time,
  };
}

/** A decision: its author, its note for colleagues, and its sanctions. */
export function DecisionWords({ decision }: { readonly decision: Decision }): JSX.Element {
  const { verdict, by, note, sanctions } = decision;
  return (
    <>
      <p class="entry-head">
        <strong>
          <bdi>{oneLine(by)}</bdi>
        </strong>{" "}
        {wordFor("verdict", verdict)}
      </p>
      {note && (
        <p class="quoted">
          <span class="muted">{t("decision.note_of")}</span> <Words text={note} />
        </p>
      )}
      {sanctions.map((one) => (
        <SanctionWords key={one.id} sanction={one} />
      ))}
    </>
  );
}

interface SanctionProps {
  readonly sanction: Sanction;
  /** Whether it leads to its case, where that is another than the one on the page. */
  readonly isLinked?: boolean;
}

/** A sanction with its statement of reasons. */
export function SanctionWords({ sanction, isLinked = false }: SanctionProps): JSX.Element {
  const { statement, case_id, lift_time } = sanction;
  return (
    <details class="sanction">
      <summary>
        {sanctionWords(sanction)} {lift_time && <span class="fact">{t("sanction.lifted")}</span>}
      </summary>
      {statement && <Statement heading="h3" reasons={reasonsIn(statement)} />}
      <p class="muted">{t("sanction.imposed_by", { by: oneLine(sanction.imposed_by) })}</p>
      {isLinked && case_id && <a href={addressOf("case", case_id)}>{t("case.open")}</a>}
    </details>
  );
}

/** An appeal: who makes it, against whose decision, and why. */
export function AppealWords({ appeal }: { readonly appeal: Appeal }): JSX.Element {
  const { by, side, decided_by, text } = appeal;
  return (
    <>
      <p class="entry-head">
        <strong>
          <bdi>{oneLine(by)}</bdi>
        </strong>{" "}
        {t("appeal.made", { side: wordFor("side", side), decided_by: oneLine(decided_by) })}
      </p>
      <p class="quoted">
        <Words text={text} />
      </p>
    </>
  );
}

/** The answer to an appeal. */
export function AppealAnswer({ appeal }: { readonly appeal: Appeal }): JSX.Element {
  const { reviewed_by, status, answer } = appeal;
  return (
    <>
      <p class="entry-head">
        <strong>
          <bdi>{oneLine(reviewed_by)}</bdi>
        </strong>{" "}
        {wordFor("appeal.status", status)}
      </p>
      {answer && (
        <p class="quoted">
          <Words text={answer} />
        </p>
      )}
    </>
  );
}

interface EvidenceProps {
  readonly evidence: Evidence;
  readonly snapshot: Snapshot;
}

/** A snapshot: whether it is what was taken, and what it lacks. */
export function EvidenceWords({ evidence, snapshot }: EvidenceProps): JSX.Element {
  const { kind, intact, erase_time, sha256, size, content } = evidence;
  const { leftOut, isIncomplete, isReadable } = snapshot;
  return (
    <>
      <p class="entry-head">
        {t("evidence.taken", { kind: wordFor("evidence.kind", kind) })}{" "}
        {erase_time ? (
          <span class="fact">{t("evidence.erased", { when: dayAndTime(erase_time) })}</span>
        ) : (
          <span class={intact ? "fact" : "fact broken"}>
            {t(intact ? "evidence.intact" : "evidence.broken")}
          </span>
        )}
      </p>
      {leftOut > 0 && <p class="muted">{t("evidence.left_out", { count: leftOut })}</p>}
      {isIncomplete && <p class="muted">{t("evidence.unavailable")}</p>}
      {!isReadable && (
        <p class="quoted">
          <Words text={content} />
        </p>
      )}
      <details>
        <summary>{t("evidence.details")}</summary>
        <p class="muted code">{t("evidence.hash", { sha256, size })}</p>
      </details>
    </>
  );
}

interface ResolutionProps {
  readonly resolution: Resolution;
  readonly currency: string;
}

/** How a dispute ended, and what both were told. */
export function ResolutionWords({ resolution, currency }: ResolutionProps): JSX.Element {
  const { outcome, cause, by, split, facts, rule } = resolution;
  return (
    <>
      <p class="entry-head">
        {by && (
          <strong>
            <bdi>{oneLine(by)}</bdi>
          </strong>
        )}{" "}
        {t("dispute.ended", {
          outcome: wordFor("outcome", outcome),
          cause: wordFor("cause", cause),
        })}
        {split && ` · ${t("timeline.offer", splitWords(split, currency))}`}
      </p>
      {rule && <p class="muted">{oneLine(rule)}</p>}
      {facts && (
        <p class="quoted">
          <Words text={facts} />
        </p>
      )}
    </>
  );
}
