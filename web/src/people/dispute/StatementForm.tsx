import type { DisputeView } from "@parley/client";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Button } from "../../shared/components/Button.tsx";
import { Field } from "../../shared/components/Field.tsx";
import { useCommand } from "../forms/commands.ts";
import { useDraft } from "../forms/drafts.ts";
import { Waiting } from "../forms/Waiting.tsx";
import { t } from "../messages.ts";
import type { PartProps } from "./Dispute.tsx";
import { LONGEST_STATEMENT } from "./words.ts";

/** The place to state one's case. Words that can be said no more are still shown. */
export function StatementForm({ dispute, acts, onDone }: PartProps): JSX.Element | null {
  const draft = useDraft(`statement ${dispute.dispute}`);
  const [problem, setProblem] = useState<string>();
  const command = useCommand<DisputeView>({ rows: true });
  const { progress, answer } = command;
  const isTaken = progress === "kept" || progress === "done";
  useEffect(() => {
    if (isTaken) draft.type("");
    if (answer) onDone();
  }, [isTaken, answer]);
  const mayState = dispute.allowed_actions.includes("state");
  if (!mayState && !draft.text) return null;
  return (
    <form
      class="dispute-form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        const text = draft.text.trim();
        const count = [...text].length;
        if (!count) setProblem(t("dispute.no_statement"));
        else if (count > LONGEST_STATEMENT)
          setProblem(t("dispute.too_long", { count, limit: LONGEST_STATEMENT }));
        else {
          setProblem(undefined);
          command.send((key) => acts.state(text, { key }));
        }
      }}
    >
      <Field
        label={t("dispute.your_statement")}
        hint={t(mayState ? "dispute.statement_hint" : "dispute.kept_words")}
        error={problem}
      >
        <textarea
          dir="auto"
          rows={3}
          value={draft.text}
          onInput={(event) => {
            setProblem(undefined);
            draft.type(event.currentTarget.value);
          }}
        />
      </Field>
      <Waiting command={command} />
      {mayState && (
        <Button type="submit" kind="primary" busy={progress === "sending"}>
          {t("dispute.state")}
        </Button>
      )}
    </form>
  );
}
