import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "../../../shared/components/Button.tsx";
import { t } from "../../messages.ts";
import { type Problems, stepFailure } from "./failures.ts";
import type { Submission } from "./submission.ts";

/** After how long without an answer the form says that it may be closed, in milliseconds. */
const PATIENCE = 3_000;

interface Props {
  readonly submission: Submission;
  /** Problems that are told at their fields. */
  readonly problems: Problems;
  readonly isBlocked: boolean;
  readonly kind: "primary" | "danger";
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/** The end of a form: why it was refused, the button that sends it, and the way out. */
export function FormEnd({
  submission: { isUnderWay, isKept, error },
  problems,
  isBlocked,
  kind,
  onClose,
  children,
}: Props): JSX.Element {
  const isLate = useLate(isUnderWay && isKept);
  const isToldAtFields = Object.keys(problems).length > 0;
  return (
    <>
      <div role="status">{isLate && <p>{t("deal.no_answer")}</p>}</div>
      {error !== undefined && !isToldAtFields && (
        <p class="field-error" role="alert">
          {stepFailure(error)}
        </p>
      )}
      <div class="actions">
        <Button type="submit" kind={kind} busy={isUnderWay} off={isUnderWay || isBlocked}>
          {children}
        </Button>
        <Button onClick={onClose}>{t(isKept ? "action.close" : "action.cancel")}</Button>
      </div>
    </>
  );
}

/** Whether something has been so for a while. */
function useLate(isSo: boolean): boolean {
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    if (!isSo) {
      setLate(false);
      return;
    }
    const timer = setTimeout(() => setLate(true), PATIENCE);
    return () => clearTimeout(timer);
  }, [isSo]);
  return isLate;
}

/** A form whose first wrong field gets the focus when it was sent in vain. */
export function useFirstProblem(
  problems: Problems,
  error: unknown,
): { readonly current: HTMLFormElement | null } {
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [problems, error]);
  return form;
}
