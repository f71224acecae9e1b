import type { JSX } from "preact";
import type { Case } from "../generated/api.ts";
import { t, wordFor } from "../messages.ts";
import { useUser } from "../user.ts";
import { caseState, claimedBy, dueWords, names, reasonsOf } from "../words.ts";
import { withQueue } from "./filters.ts";

interface Props {
  readonly case: Case;
  readonly now: number;
}

/** A case in a list: why, against whom, how urgent, and who works on it. */
export function CaseLine({ case: one, now }: Props): JSX.Element {
  const user = useUser();
  const by = claimedBy(one, now);
  const isOthers = by !== "" && by !== user;
  return (
    <a
      class={`line ${isOthers ? "of-others" : ""}`}
      data-row
      data-case={one.id}
      href={withQueue(["case", one.id])}
    >
      <span class="line-top">
        <span class={`severity ${one.severity}`}>{wordFor("severity", one.severity)}</span>
        <strong>{reasonsOf(one)}</strong>
        {one.state !== "decided" && <span class="line-end">{dueWords(one.due_time, now)}</span>}
      </span>
      <span>
        {t("case.against", { accused: names(one.accused) })}{" "}
        <span class="muted">
          {t("case.reports", { count: one.reports.length })}
          {one.reopenings > 0 && ` · ${t("case.reopened")}`}
        </span>
      </span>
      <span class="claim">{caseState(one, now, user)}</span>
    </a>
  );
}
