import type { Appeal, Sanction } from "@parley/client";
import type { JSX } from "preact";
import { addressOf } from "../../shared/router.ts";
import { Statement } from "../../shared/statement/Statement.tsx";
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
      <Statement
        heading="h2"
        reasons={{
          kind,
          since: statement.start,
          until,
          facts: statement.facts,
          ground: statement.ground,
          rule: statement.rule,
          isFoundByMachine: statement.automated_detection,
          isDecidedByMachine: statement.automated_decision,
        }}
        ended={lifted ? t("sanction.lifted") : isOver ? t("sanction.over") : undefined}
      />
      {conversation && (
        <p>
          <a href={addressOf("c", conversation)}>{t("conversation.open")}</a>
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
