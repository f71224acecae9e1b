import type { Appeal, Sanction } from "@parley/client";
import type { JSX } from "preact";
import { Words } from "../../shared/components/Words.tsx";
import { dayAndTime } from "../../shared/format.ts";
import { addressOf } from "../../shared/router.ts";
import { t } from "../messages.ts";
import { AppealPart } from "./AppealPart.tsx";
import { kindOf, stands } from "./rules.ts";

interface Props {
  readonly sanction: Sanction;
  readonly appeal: Appeal | undefined;
  readonly now: number;
  readonly send: (decision: string, text: string, key: string) => Promise<Appeal>;
}

/** A sanction with its statement of reasons, and the appeal against it. */
export function SanctionCard({ sanction, appeal, now, send }: Props): JSX.Element {
  const { statement, decision, appealable, lifted, until, conversation } = sanction;
  const kind = kindOf(sanction);
  const isOver = !stands(sanction, now);
  return (
    <li class={`card ${isOver ? "over" : ""}`} data-kind={kind}>
      <h2>{t(`sanction.kind_${kind}`)}</h2>
      <p role="status">
        {lifted
          ? t("sanction.lifted")
          : isOver
            ? t("sanction.over")
            : until
              ? t("sanction.until", { until: dayAndTime(until) })
              : t(`sanction.lasts_${kind}`)}
      </p>
      {!isOver && <p>{t(`sanction.means_${kind}`)}</p>}
      <dl class="reasons">
        <dt>{t("sanction.facts")}</dt>
        <dd>
          <Words text={statement.facts} />
        </dd>
        <dt>{t(statement.ground === "law" ? "sanction.rule_law" : "sanction.rule_terms")}</dt>
        <dd>
          <Words text={statement.rule} />
        </dd>
        <dt>{t("sanction.since")}</dt>
        <dd>{dayAndTime(statement.start)}</dd>
        <dt>{t("sanction.found_by")}</dt>
        <dd>
          {t("sanction.by", {
            found: statement.automated_detection ? "machine" : "person",
            decided: statement.automated_decision ? "machine" : "person",
          })}
        </dd>
      </dl>
      {conversation && (
        <p>
          <a href={addressOf("c", conversation)}>{t("report.open_conversation")}</a>
        </p>
      )}
      <AppealPart
        decision={decision}
        appeal={sanction.appeal ?? appeal}
        isOpen={appealable && !lifted}
        until={statement.appeal_until}
        send={send}
      />
    </li>
  );
}
