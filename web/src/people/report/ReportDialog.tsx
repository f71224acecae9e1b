import type { ReportOptions, ReportStatus } from "@parley/client";
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "../../shared/components/Button.tsx";
import { Dialog } from "../../shared/components/Dialog.tsx";
import { Field } from "../../shared/components/Field.tsx";
import { Words } from "../../shared/components/Words.tsx";
import { addressOf } from "../../shared/router.ts";
import { useCommand } from "../forms/commands.ts";
import { useDraft } from "../forms/drafts.ts";
import { FormEnd } from "../forms/FormEnd.tsx";
import { TextField } from "../forms/fields.tsx";
import { t } from "../messages.ts";
import {
  LONGEST_COMMENT,
  REASONS,
  type ReportProblems,
  reasonWords,
  reportProblems,
} from "./reasons.ts";

interface Props {
  readonly title: string;
  /** Names what is reported among drafts. */
  readonly about: string;
  /** The words that are reported. */
  readonly words?: string | undefined;
  readonly report: (options: ReportOptions) => Promise<ReportStatus>;
  readonly onClose: () => void;
}

/** The form by which moderators are told of something. */
export function ReportDialog({ title, about, words, report, onClose }: Props): JSX.Element {
  const draft = useDraft(`report ${about}`, { reason: "", comment: "" });
  const { reason, comment } = draft.fields;
  const [problems, setProblems] = useState<ReportProblems>({});
  const command = useCommand<ReportStatus>();
  const { progress } = command;
  const close = useRef<HTMLParagraphElement>(null);
  useEffect(() => {
    if (progress === "done" || progress === "kept") draft.forget();
    if (progress === "refused") draft.restore();
    // The button that had the focus is gone.
    if (progress === "done") close.current?.focus();
  }, [progress]);
  const send = () => {
    const found = reportProblems(reason, comment);
    setProblems(found);
    if (found.reason || found.comment) return;
    const said = comment.trim();
    command.send((key) =>
      report({ reason: reason as ReportOptions["reason"], ...(said && { comment: said }), key }),
    );
  };
  const problem = problems.comment && t(problems.comment, { limit: LONGEST_COMMENT });
  return (
    <Dialog title={title} onClose={onClose}>
      {words && (
        <blockquote class="bubble quoted">
          <Words text={words} />
        </blockquote>
      )}
      {progress === "done" ? (
        <p ref={close} tabIndex={-1} role="status">
          {t("report.done")}
        </p>
      ) : (
        <form
          noValidate
          onSubmit={(event) => {
            event.preventDefault();
            send();
          }}
        >
          <p class="muted">{t("report.what_happens")}</p>
          <Field label={t("report.reason")} error={problems.reason && t(problems.reason)}>
            <select
              value={reason}
              onChange={(event) => draft.type({ reason: event.currentTarget.value })}
            >
              <option value="">{t("report.choose")}</option>
              {REASONS.map((one) => (
                <option key={one} value={one}>
                  {reasonWords(one)}
                </option>
              ))}
            </select>
          </Field>
          <TextField
            label={t("report.comment")}
            hint={t("report.comment_hint")}
            error={problem}
            value={comment}
            onType={(typed) => draft.type({ comment: typed })}
          />
          <FormEnd command={command} onClose={onClose}>
            {t("report.send")}
          </FormEnd>
        </form>
      )}
      {progress === "done" && (
        <div class="actions">
          <a class="button" href={addressOf("reports")} onClick={onClose}>
            {t("report.see_all")}
          </a>
          <Button onClick={onClose}>{t("action.close")}</Button>
        </div>
      )}
    </Dialog>
  );
}
