import type { APPEAL, Appeal, OutboxEntry } from "@parley/client";
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Button } from "../../shared/components/Button.tsx";
import { Words } from "../../shared/components/Words.tsx";
import { dayAndTime } from "../../shared/format.ts";
import { useSnapshot } from "../../shared/stores.ts";
import { FailedActions } from "../conversation/FailedActions.tsx";
import { useCommand } from "../forms/commands.ts";
import { useDraft } from "../forms/drafts.ts";
import { FormEnd } from "../forms/FormEnd.tsx";
import { TextField } from "../forms/fields.tsx";
import { lengthProblem } from "../forms/problems.ts";
import { refusalWords } from "../forms/refusals.ts";
import { t } from "../messages.ts";
import { useSession } from "../session.ts";

/** The opcode of an appeal. */
const APPEAL_OP: typeof APPEAL = 251;

/** The most characters of an appeal, by a server's default settings. */
const LONGEST_APPEAL = 4_000;

interface Props {
  readonly decision: string | undefined;
  /** The one that was made. */
  readonly appeal: Appeal | undefined;
  /** Whether one may be made. */
  readonly isOpen: boolean;
  readonly until: string | undefined;
  readonly send: (decision: string, text: string, key: string) => Promise<Appeal>;
}

/** The appeal against a decision: the form, or what became of it. */
export function AppealPart({ decision, appeal, isOpen, until, send }: Props): JSX.Element | null {
  const [made, setMade] = useState<Appeal>();
  const isSent = useRef(false);
  const { client } = useSession();
  const waiting = useSnapshot(client.pending).find(
    ({ op, payload }) => op === APPEAL_OP && payload["decision"] === decision,
  );
  const shown = newer(appeal, made);
  if (shown) return <AppealStatus appeal={shown} isNew={isSent.current} />;
  // Of a visit of before; a form that is here says so itself.
  if (waiting && !isSent.current) return <PendingAppeal entry={waiting} />;
  if (!decision || !isOpen) return null;
  return (
    <AppealForm
      decision={decision}
      until={until}
      send={(...said) => {
        isSent.current = true;
        return send(...said);
      }}
      onMade={setMade}
    />
  );
}

/** An appeal that the server has not taken, or has refused while nobody looked. */
function PendingAppeal({ entry }: { readonly entry: OutboxEntry }): JSX.Element {
  const { key, state, payload, error } = entry;
  return (
    <div class="appeal">
      <p>{t(state === "failed" ? "mark.failed" : "waiting.offline")}</p>
      <blockquote class="bubble quoted">
        <Words text={String(payload["text"])} />
      </blockquote>
      {state === "failed" && (
        <>
          <p class="field-error">{refusalWords(error)}</p>
          <FailedActions command={key} />
        </>
      )}
    </div>
  );
}

function newer(one: Appeal | undefined, other: Appeal | undefined): Appeal | undefined {
  if (!one || !other) return one ?? other;
  // Of the two, which may be known without a version, one that is decided is the later.
  return one.status === "open" ? other : one;
}

const STATUSES = ["open", "upheld", "overturned"] as const;

interface StatusProps {
  readonly appeal: Appeal;
  /** Whether it takes the place of the form. */
  readonly isNew: boolean;
}

/** An appeal, and what became of it. */
export function AppealStatus({ appeal, isNew }: StatusProps): JSX.Element {
  const { status, text, answer, created_at, decided_at } = appeal;
  const known = STATUSES.find((one) => one === status) ?? "open";
  const line = useRef<HTMLParagraphElement>(null);
  useLayoutEffect(() => {
    // The button that had the focus is gone.
    if (isNew && document.activeElement === document.body) line.current?.focus();
  }, [isNew]);
  return (
    <div class="appeal" data-status={known}>
      <p ref={line} class="appeal-status" tabIndex={-1} role="status">
        {t(`appeal.status_${known}`)}
      </p>
      <p class="muted">
        {t("appeal.made_at", { when: dayAndTime(created_at) })}
        {decided_at && <> {t("appeal.decided_at", { when: dayAndTime(decided_at) })}</>}
      </p>
      <blockquote class="bubble quoted">
        <Words text={text} />
      </blockquote>
      {answer && (
        <>
          <p>{t("appeal.answer")}</p>
          <blockquote class="bubble quoted">
            <Words text={answer} />
          </blockquote>
        </>
      )}
    </div>
  );
}

interface FormProps {
  readonly decision: string;
  readonly until: string | undefined;
  readonly send: Props["send"];
  readonly onMade: (appeal: Appeal) => void;
}

function AppealForm({ decision, until, send, onMade }: FormProps): JSX.Element {
  const draft = useDraft(`appeal ${decision}`, { text: "" });
  const [isShown, setShown] = useState(draft.fields.text !== "");
  const [problem, setProblem] = useState<string>();
  const field = useRef<HTMLTextAreaElement>(null);
  const command = useCommand<Appeal>();
  const { progress, answer } = command;
  useEffect(() => {
    if (progress === "kept" || progress === "done") draft.forget();
    if (progress === "refused") draft.restore();
    if (answer) onMade(answer);
  }, [progress, answer]);
  if (!isShown) {
    return (
      <div class="actions">
        <Button
          onClick={() => {
            setShown(true);
            // It is asked for, and takes the place of this button.
            requestAnimationFrame(() => field.current?.focus());
          }}
        >
          {t("appeal.begin")}
        </Button>
      </div>
    );
  }
  return (
    <form
      class="appeal"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        const text = draft.fields.text.trim();
        const found = text ? lengthProblem(text, LONGEST_APPEAL) : t("appeal.empty");
        setProblem(found);
        if (!found) command.send((key) => send(decision, text, key));
      }}
    >
      <TextField
        label={t("appeal.text")}
        hint={until ? t("appeal.until", { until: dayAndTime(until) }) : t("appeal.once")}
        error={problem}
        rows={4}
        inputRef={field}
        value={draft.fields.text}
        onType={(text) => {
          setProblem(undefined);
          draft.type({ text });
        }}
      />
      <FormEnd command={command}>{t("appeal.send")}</FormEnd>
    </form>
  );
}
