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
import { Waiting } from "../forms/Waiting.tsx";
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
  const reason = useDraft(`report reason ${about}`);
  const comment = useDraft(`report ${about}`);
  const [problems, setProblems] = useState<ReportProblems>({});
  const command = useCommand<ReportStatus>();
  const { progress } = command;
  const close = useRef<HTMLParagraphElement>(null);
  const isOver = progress === "done" || progress === "kept";
  useEffect(() => {
    if (isOver) {
      reason.forget();
      comment.forget();
    } else if (progress === "refused") {
      reason.restore();
      comment.restore();
    }
    // The button that had the focus is gone.
    if (progress === "done") close.current?.focus();
  }, [progress, isOver]);
  const send = () => {
    const found = reportProblems(reason.text, comment.text);
    setProblems(found);
    if (found.reason || found.comment) return;
    const said = comment.text.trim();
    command.send((key) =>
      report({
        reason: reason.text as ReportOptions["reason"],
        ...(said && { comment: said }),
        key,
      }),
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
              value={reason.text}
              onChange={(event) => reason.type(event.currentTarget.value)}
            >
              <option value="">{t("report.choose")}</option>
              {REASONS.map((one) => (
                <option key={one} value={one}>
                  {reasonWords(one)}
                </option>
              ))}
            </select>
          </Field>
          <Field label={t("report.comment")} hint={t("report.comment_hint")} error={problem}>
            <textarea
              dir="auto"
              rows={3}
              value={comment.text}
              onInput={(event) => comment.type(event.currentTarget.value)}
            />
          </Field>
          <Waiting command={command} />
          <div class="actions">
            <Button
              type="submit"
              kind="primary"
              busy={progress === "sending" || progress === "kept"}
            >
              {t("report.send")}
            </Button>
            <Button onClick={onClose}>{t(isOver ? "action.close" : "action.cancel")}</Button>
          </div>
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
