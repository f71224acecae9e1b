import type { JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { Button } from "../../shared/components/Button.tsx";
import { Field } from "../../shared/components/Field.tsx";
import { addressOf, go, type Path } from "../../shared/router.ts";
import { useTitle } from "../../shared/title.ts";
import { oneLine } from "../../shared/words.ts";
import { useAction } from "../actions.ts";
import { call } from "../api.ts";
import { News, OwnWords } from "../case/News.tsx";
import { newsFor } from "../case/news.ts";
import { type CaseFile, readCase } from "../case/reading.ts";
import { Timeline } from "../case/Timeline.tsx";
import { timeline } from "../case/timeline.ts";
import { fieldError } from "../failures.ts";
import type { Appeal } from "../generated/api.ts";
import { now, useHappenings } from "../live.ts";
import { useLoaded, useSoon } from "../loading.ts";
import { t, wordFor } from "../messages.ts";
import { say } from "../notice.ts";
import { AppealAnswer, AppealWords, DecisionWords } from "../Parts.tsx";
import { useShortcuts } from "../shortcuts.ts";
import { Reading, Trouble } from "../Trouble.tsx";
import { useUser } from "../user.ts";
import { dueWords } from "../words.ts";

interface AppealFile {
  readonly appeal: Appeal;
  readonly file: CaseFile;
}

/** An appeal with the decision that it is against, and its case. */
export function AppealScreen({ path }: { readonly path: Path }): JSX.Element {
  const id = path[0] ?? "";
  return <OneAppeal key={id} id={id} />;
}

function OneAppeal({ id }: { readonly id: string }): JSX.Element {
  useTitle(t("title.appeal"));
  const loaded = useLoaded<AppealFile>(id, async (signal) => {
    const { appeal } = await call("GET /appeals/{appeal_id}", { path: { appeal_id: id }, signal });
    return { appeal, file: await readCase(appeal.case_id, signal) };
  });
  const { value, reload } = loaded;
  const reloadSoon = useSoon(reload);
  useHappenings((happening) => {
    const isIts = happening.kind === "case" && happening.event.id === value?.appeal.case_id;
    if (isIts || happening.kind === "reset") reloadSoon();
  });
  useShortcuts(t("shortcuts.appeal"), [
    { keys: "u", label: t("appeal.back"), run: () => go(["appeals"]) },
  ]);
  return (
    <article class="case">
      <Reading of={loaded} />
      {value && <AppealBody {...value} onChanged={reload} />}
    </article>
  );
}

function AppealBody({
  appeal,
  file,
  onChanged,
}: AppealFile & { readonly onChanged: () => void }): JSX.Element {
  const decision = file.case.decisions.find((one) => one.id === appeal.decision_id);
  const heading = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => heading.current?.focus(), []);
  return (
    <>
      <header class="case-head">
        <h1 ref={heading} tabIndex={-1}>
          {t("appeal.title", { by: oneLine(appeal.by) })}
        </h1>
        <p role="status">
          {appeal.status === "open"
            ? `${wordFor("appeal.status", "open")} · ${dueWords(appeal.due_time, now.value)}`
            : wordFor("appeal.status", appeal.status)}
        </p>
        <div class="actions">
          <a class="button" href={addressOf("appeals")}>
            {t("appeal.back")}
          </a>
          <a class="button" href={addressOf("case", appeal.case_id)}>
            {t("case.open")}
          </a>
        </div>
      </header>
      <div class="case-panes">
        <div>
          <section class="entry-body">
            <AppealWords appeal={appeal} />
          </section>
          {decision && (
            <section class="entry-body">
              <h2>{t("appeal.decision")}</h2>
              <DecisionWords decision={decision} />
            </section>
          )}
          <Timeline entries={timeline(file)} />
        </div>
        <aside class="case-decision" aria-label={t("appeal.decide")}>
          <Ruling appeal={appeal} file={file} onChanged={onChanged} />
        </aside>
      </div>
    </>
  );
}

interface Words {
  readonly version: number;
  readonly answer: string;
}

/** Whether the decision stands: for another moderator than the one who made it. */
function Ruling({
  appeal,
  file,
  onChanged,
}: AppealFile & { readonly onChanged: () => void }): JSX.Element {
  const user = useUser();
  const action = useAction();
  const { version } = file.case;
  const [written, setWritten] = useState<Words>({ version, answer: "" });
  const [isMissing, setMissing] = useState(false);
  const isOpen = appeal.status === "open";
  // Until something is written, what is shown is what was seen.
  const seen = written.answer ? written.version : version;
  const news = isOpen ? newsFor(file.steps, seen, user) : [];
  const decide = async (outcome: "upheld" | "overturned") => {
    setMissing(!written.answer.trim());
    if (!written.answer.trim() || news.length) return;
    const { answer: done } = await action.run("POST /appeals/{appeal_id}/decision", {
      path: { appeal_id: appeal.id },
      body: { version, outcome, answer: written.answer },
    });
    if (done) {
      setWritten({ version, answer: "" });
      say(t("appeal.done"));
    }
    onChanged();
  };
  if (!isOpen || appeal.decided_by === user) {
    return (
      <>
        <h2>{t("appeal.decide")}</h2>
        {isOpen ? <p>{t("appeal.four_eyes")}</p> : <AppealAnswer appeal={appeal} />}
        <Trouble problem={action.problem} />
        <OwnWords texts={[written.answer]} />
      </>
    );
  }
  return (
    <form onSubmit={(event) => event.preventDefault()}>
      <h2 id="decision" tabIndex={-1}>
        {t("appeal.decide")}
      </h2>
      {news.length > 0 && <News steps={news} onSeen={() => setWritten({ ...written, version })} />}
      <Field
        label={t("appeal.answer")}
        hint={t("appeal.answer_hint")}
        error={
          isMissing && !written.answer.trim()
            ? t("appeal.missing_answer")
            : fieldError(action.problem, "answer")
        }
      >
        <textarea
          dir="auto"
          value={written.answer}
          onInput={(event) => setWritten({ version: seen, answer: event.currentTarget.value })}
        />
      </Field>
      <p class="muted">
        {t(
          appeal.side === "reporter"
            ? "appeal.overturned_reporter"
            : "appeal.overturned_sanctioned",
        )}
      </p>
      <Trouble problem={action.problem} />
      <div class="actions">
        <Button busy={action.busy} onClick={() => void decide("upheld")}>
          {t("appeal.uphold")}
        </Button>
        <Button busy={action.busy} onClick={() => void decide("overturned")}>
          {t("appeal.overturn")}
        </Button>
      </div>
    </form>
  );
}
