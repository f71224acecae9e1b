import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Banner } from "../../shared/components/Banner.tsx";
import { addressOf, go, type Path } from "../../shared/router.ts";
import { useTitle } from "../../shared/title.ts";
import { oneLine } from "../../shared/words.ts";
import { call } from "../api.ts";
import { readSteps } from "../case/reading.ts";
import { Timeline } from "../case/Timeline.tsx";
import { disputeTimeline } from "../case/timeline.ts";
import type { AuditEntry, Dispute } from "../generated/api.ts";
import { now, useHappenings } from "../live.ts";
import { useLoaded, useSoon } from "../loading.ts";
import { t, wordFor } from "../messages.ts";
import { useShortcuts } from "../shortcuts.ts";
import { Reading } from "../Trouble.tsx";
import { amount, dueWords, partiesOf } from "../words.ts";
import { DisputeForm } from "./DisputeForm.tsx";

interface DisputeFile {
  readonly dispute: Dispute;
  readonly steps: readonly AuditEntry[];
}

/** A dispute: what both say and offer, what was agreed, and its decision. */
export function DisputeScreen({ path }: { readonly path: Path }): JSX.Element {
  const id = path[0] ?? "";
  return <OneDispute key={id} id={id} />;
}

function OneDispute({ id }: { readonly id: string }): JSX.Element {
  useTitle(t("title.dispute"));
  const loaded = useLoaded<DisputeFile>(id, async (signal) => {
    const { dispute } = await call("GET /disputes/{dispute_id}", {
      path: { dispute_id: id },
      signal,
    });
    return { dispute, steps: await readSteps(id, signal) };
  });
  const { value, reload } = loaded;
  const reloadSoon = useSoon(reload);
  useHappenings((happening) => {
    const isIts = happening.kind === "dispute" && happening.event.id === id;
    if (isIts || happening.kind === "reset") reloadSoon();
  });
  useShortcuts(t("shortcuts.dispute"), [
    {
      keys: "e",
      label: t("shortcuts.decide"),
      run: () => document.getElementById("decision")?.focus(),
    },
    { keys: "u", label: t("dispute.back"), run: () => go(["disputes"]) },
  ]);
  return (
    <article class="case">
      <Reading of={loaded} />
      {value && <DisputeBody {...value} onChanged={reload} />}
    </article>
  );
}

function DisputeBody({
  dispute: one,
  steps,
  onChanged,
}: DisputeFile & { readonly onChanged: () => void }): JSX.Element {
  const heading = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => heading.current?.focus(), []);
  return (
    <>
      <header class="case-head">
        <h1 ref={heading} tabIndex={-1}>
          {t("dispute.title", { reason: wordFor("dispute.reason", one.reason) })}
        </h1>
        <dl class="facts">
          <dt>{t("case.between")}</dt>
          <dd>{partiesOf(one)}</dd>
          <dt>{t("dispute.provider")}</dt>
          <dd>{oneLine(one.provider)}</dd>
          <dt>{t("dispute.client")}</dt>
          <dd>{oneLine(one.client)}</dd>
          {one.price && (
            <>
              <dt>{t("dispute.price")}</dt>
              <dd>{amount(one.price)}</dd>
            </>
          )}
          {one.claim && (
            <>
              <dt>{t("dispute.claim")}</dt>
              <dd>{amount(one.claim)}</dd>
            </>
          )}
          <dt>{t("case.state")}</dt>
          <dd>
            <span role="status" class="case-state" data-version={one.version}>
              {wordFor("dispute.state", one.state)} {dueWords(one.due_time, now.value)}
            </span>
          </dd>
        </dl>
        {one.refusal && <p class="muted">{oneLine(one.refusal)}</p>}
        <div class="actions">
          <a class="button" href={addressOf("disputes")}>
            {t("dispute.back")}
          </a>
          <a
            class="button quiet"
            href={`${addressOf("audit")}?target=${encodeURIComponent(one.id)}`}
          >
            {t("case.audit")}
          </a>
        </div>
      </header>
      {one.evidence.some(({ content, intact }) => content && !intact) && (
        <Banner kind="error">{t("evidence.alarm")}</Banner>
      )}
      <div class="case-panes">
        <Timeline entries={disputeTimeline(one, steps)} />
        <aside class="case-decision" aria-label={t("decision.title")}>
          <DisputeForm dispute={one} steps={steps} onChanged={onChanged} />
        </aside>
      </div>
    </>
  );
}
