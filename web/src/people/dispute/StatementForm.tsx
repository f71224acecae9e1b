import type { DisputeView } from "@parley/client";
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Button } from "../../shared/components/Button.tsx";
import { useCommand } from "../forms/commands.ts";
import { useDraft } from "../forms/drafts.ts";
import { TextField } from "../forms/fields.tsx";
import { lengthProblem } from "../forms/problems.ts";
import { Waiting } from "../forms/Waiting.tsx";
import { t } from "../messages.ts";
import type { PartProps } from "./Dispute.tsx";
import { LONGEST_STATEMENT } from "./words.ts";

/** The place to state one's case. Words that can be said no more are still shown. */
export function StatementForm({ dispute, acts, onDone }: PartProps): JSX.Element | null {
  const draft = useDraft(`statement ${dispute.dispute}`, { text: "" });
  const [problem, setProblem] = useState<string>();
  const command = useCommand<DisputeView>({ rows: true });
  const { progress, taken, answer } = command;
  const sent = useRef("");
  useLayoutEffect(() => {
    // What was typed meanwhile is of the next.
    if (taken && draft.fields.text === sent.current) draft.type({ text: "" });
  }, [taken]);
  useEffect(() => {
    if (answer) onDone();
  }, [answer]);
  const mayState = dispute.allowed_actions.includes("state");
  if (!mayState && !draft.fields.text) return null;
  return (
    <form
      class="dispute-form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        const text = draft.fields.text.trim();
        const found = text ? lengthProblem(text, LONGEST_STATEMENT) : t("dispute.no_statement");
        setProblem(found);
        if (found) return;
        sent.current = draft.fields.text;
        command.send((key) => acts.state(text, { key }));
      }}
    >
      <TextField
        label={t("dispute.your_statement")}
        hint={t(mayState ? "dispute.statement_hint" : "dispute.kept_words")}
        error={problem}
        value={draft.fields.text}
        onType={(text) => {
          setProblem(undefined);
          draft.type({ text });
        }}
      />
      <Waiting command={command} />
      {mayState && (
        <Button type="submit" kind="primary" busy={progress === "sending"}>
          {t("dispute.state")}
        </Button>
      )}
    </form>
  );
}
