import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Banner } from "../../shared/components/Banner.tsx";
import { Button } from "../../shared/components/Button.tsx";
import { dayAndTime } from "../../shared/format.ts";
import { addressOf, go } from "../../shared/router.ts";
import { type Action, useAction } from "../actions.ts";
import type { Case, CaseDecision, Preview } from "../generated/api.ts";
import { t, wordFor } from "../messages.ts";
import { say } from "../notice.ts";
import { nextCase, queueQuery, withQueue } from "../queue/filters.ts";
import { useShortcuts } from "../shortcuts.ts";
import { Trouble } from "../Trouble.tsx";
import { useUser } from "../user.ts";
import { caseState, dueWords, names, reasonsOf } from "../words.ts";
import { DecisionForm, nextMeasure } from "./DecisionForm.tsx";
import { draftOf, keepDraft } from "./drafts.ts";
import { readEvidence } from "./evidence.ts";
import { type DraftMeasure, hasEnd, isEmpty } from "./measures.ts";
import { News, OwnWords } from "./News.tsx";
import { newsFor, rebased } from "./news.ts";
import { PreviewDialog } from "./PreviewDialog.tsx";
import type { CaseFile } from "./reading.ts";
import { Timeline } from "./Timeline.tsx";
import { timeline } from "./timeline.ts";

interface Props {
  readonly file: CaseFile;
  readonly now: number;
  /** It stands otherwise now, by this moderator or by another. */
  readonly onChanged: () => void;
}

interface Previewed {
  readonly decision: CaseDecision;
  readonly preview: Preview;
}

/** A case: how it stands, its time line, and the form in which it is decided. */
export function CaseBody({ file, now, onChanged }: Props): JSX.Element {
  const { case: one, steps } = file;
  const user = useUser();
  const claiming = useAction();
  const deciding = useAction();
  const [previewed, setPreviewed] = useState<Previewed>();
  const acted = useRef(false);
  const draft = rebased(draftOf(one.id), one, steps, user);
  const news = isEmpty(draft) ? [] : newsFor(steps, draft.version, user);
  const mayDecide = one.allowed_actions.includes("decide");
  const openNext = async () => {
    const next = await nextCase(one.id, user);
    if (next) {
      go(["case", next.id], { query: queueQuery() });
      return;
    }
    say(t("case.no_next"));
    go(["queue"], { query: queueQuery() });
  };
  const claim = async (step: "claim" | "release") => {
    acted.current = true;
    await claiming.run(`POST /cases/{case_id}/${step}`, { path: { case_id: one.id } });
    onChanged();
  };
  const decide = async (isNextWanted: boolean) => {
    if (!previewed) return;
    const { answer, problem } = await deciding.run("POST /cases/{case_id}/decision", {
      path: { case_id: one.id },
      body: previewed.decision,
    });
    if (answer) {
      keepDraft(one.id, undefined);
      setPreviewed(undefined);
      say(t("decision.done", { accused: names(one.accused) }));
      acted.current = true;
      if (isNextWanted) await openNext().catch(() => go(["queue"], { query: queueQuery() }));
      else onChanged();
      return;
    }
    // The page shows what stands in the way. Where nobody has answered, the same can be sent again.
    if (problem?.name === "Refusal" && !problem.isPassing) setPreviewed(undefined);
    onChanged();
  };
  useEffect(() => {
    // One's own step has taken away what was pressed.
    if (acted.current && document.activeElement === document.body) {
      document.getElementById("decision")?.focus();
    }
    acted.current = false;
  }, [one.version]);
  useCaseShortcuts(one, claim, openNext);
  return (
    <>
      <CaseHead case={one} now={now} action={claiming} onClaim={claim} onNext={openNext} />
      {one.evidence.some(({ content, intact }) => content && !intact) && (
        <Banner kind="error">{t("evidence.alarm")}</Banner>
      )}
      <div class="case-panes">
        <Timeline
          entries={timeline(file)}
          onRemove={
            mayDecide && one.subject.kind !== "statement"
              ? (message) =>
                  keepDraft(one.id, {
                    ...draft,
                    verdict: "violation",
                    measures: [
                      ...draft.measures,
                      nextMeasure("message_removed", one, draft, message),
                    ],
                  })
              : undefined
          }
        />
        <aside class="case-decision" aria-label={t("decision.title")}>
          {news.length > 0 && (
            <News
              steps={news}
              onSeen={
                mayDecide ? () => keepDraft(one.id, { ...draft, version: one.version }) : undefined
              }
            />
          )}
          {mayDecide ? (
            <DecisionForm
              case={one}
              draft={draft}
              onDraft={(next) => keepDraft(one.id, next)}
              isStale={news.length > 0}
              onPreview={(decision, preview) => {
                deciding.forget();
                setPreviewed({ decision, preview });
              }}
              onRefused={onChanged}
            />
          ) : (
            <NotYours case={one} now={now} />
          )}
          {!mayDecide && (
            <OwnWords
              key={one.version}
              texts={[
                draft.measures.map(measureWords).join("\n"),
                draft.facts,
                draft.rule,
                draft.note,
              ]}
            />
          )}
          {!previewed && <Trouble problem={deciding.problem} />}
        </aside>
      </div>
      {previewed && (
        <PreviewDialog
          preview={previewed.preview}
          action={deciding}
          onDecide={(isNextWanted) => void decide(isNextWanted)}
          onClose={() => setPreviewed(undefined)}
        />
      )}
    </>
  );
}

function measureWords({ kind, user, length, unit }: DraftMeasure): string {
  const words = [wordFor("measure", kind), user];
  if (hasEnd(kind)) words.push(length, t(`decision.${unit}`));
  return words.filter(Boolean).join(" ");
}

/** Why there is nothing to decide here. */
function NotYours({ case: one, now }: { readonly case: Case; readonly now: number }): JSX.Element {
  const user = useUser();
  const words =
    one.state === "decided"
      ? t("decision.is_decided")
      : one.allowed_actions.includes("claim")
        ? t("decision.claim_first")
        : caseState(one, now, user);
  return (
    <>
      <h2 id="decision" tabIndex={-1}>
        {t("decision.title")}
      </h2>
      <p role="status">{words}</p>
    </>
  );
}

interface HeadProps {
  readonly case: Case;
  readonly now: number;
  readonly action: Action;
  readonly onClaim: (step: "claim" | "release") => void;
  readonly onNext: () => Promise<void>;
}

/** The head of a case: its subject, how it stands, and who works on it. */
function CaseHead({ case: one, now, action, onClaim, onNext }: HeadProps): JSX.Element {
  const user = useUser();
  const heading = useRef<HTMLHeadingElement>(null);
  // Reading goes on from here after a step to a case, or to the next one.
  useLayoutEffect(() => heading.current?.focus(), []);
  const may = (step: string) => one.allowed_actions.includes(step);
  const subject = [...one.evidence].map(readEvidence).find((seen) => seen.subject)?.subject;
  return (
    <header class="case-head">
      <h1 ref={heading} tabIndex={-1}>
        {t("case.title", { reasons: reasonsOf(one), accused: names(one.accused) })}
      </h1>
      <dl class="facts">
        <dt>{t("case.about")}</dt>
        <dd>
          {subject
            ? t("case.subject", { kind: wordFor("subject", one.subject.kind), subject })
            : wordFor("subject", one.subject.kind)}{" "}
          <span class="muted code">{one.subject.id}</span>
        </dd>
        <dt>{t("case.between")}</dt>
        <dd>{names(one.participants)}</dd>
        <dt>{t("case.severity")}</dt>
        <dd>
          <span class={`severity ${one.severity}`}>{wordFor("severity", one.severity)}</span>{" "}
          {one.state !== "decided" && dueWords(one.due_time, now)}
        </dd>
        <dt>{t("case.opened")}</dt>
        <dd>{dayAndTime(one.create_time)}</dd>
        <dt>{t("case.state")}</dt>
        <dd>
          <span role="status" data-version={one.version} class="case-state">
            {caseState(one, now, user)}
          </span>
        </dd>
      </dl>
      <Trouble problem={action.problem} />
      <div class="actions">
        {may("claim") && (
          <Button kind="primary" busy={action.busy} onClick={() => onClaim("claim")}>
            {t("case.claim")}
          </Button>
        )}
        {may("renew") && (
          <Button busy={action.busy} onClick={() => onClaim("claim")}>
            {t("case.renew")}
          </Button>
        )}
        {may("release") && (
          <Button busy={action.busy} onClick={() => onClaim("release")}>
            {t("case.release")}
          </Button>
        )}
        <Button onClick={() => void onNext().catch(() => go(["queue"], { query: queueQuery() }))}>
          {t("case.next")}
        </Button>
        <a class="button" href={withQueue(["queue"])}>
          {t("case.back")}
        </a>
        <a class="button quiet" href={`${addressOf("audit")}?target=${encodeURIComponent(one.id)}`}>
          {t("case.audit")}
        </a>
      </div>
    </header>
  );
}

function useCaseShortcuts(
  one: Case,
  claim: (step: "claim" | "release") => Promise<void>,
  openNext: () => Promise<void>,
): void {
  const may = (...actions: string[]) =>
    actions.some((action) => one.allowed_actions.includes(action));
  useShortcuts(t("shortcuts.case"), [
    ...(may("claim", "renew")
      ? [{ keys: "c", label: t("case.claim"), run: () => void claim("claim") }]
      : []),
    ...(may("release")
      ? [{ keys: "r", label: t("case.release"), run: () => void claim("release") }]
      : []),
    ...(may("decide")
      ? [
          {
            keys: "e",
            label: t("shortcuts.decide"),
            run: () => document.getElementById("decision")?.focus(),
          },
        ]
      : []),
    {
      keys: "n",
      label: t("case.next"),
      run: () => void openNext().catch(() => go(["queue"], { query: queueQuery() })),
    },
    {
      keys: "u",
      label: t("case.back"),
      run: () => go(["queue"], { query: queueQuery() }),
    },
  ]);
}
