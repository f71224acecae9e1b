/** What keeps a form from being sent. */

import { useLayoutEffect, useRef } from "preact/hooks";
import { t } from "../messages.ts";

/** Say that a text is too long, in characters, if it is. */
export function lengthProblem(text: string, limit: number): string | undefined {
  const count = [...text].length;
  return count > limit ? t("form.too_long", { count, limit }) : undefined;
}

/** A form whose first wrong field gets the focus when it was sent in vain. */
export function useFirstProblem(
  problems: unknown,
  error: unknown,
): { readonly current: HTMLFormElement | null } {
  const form = useRef<HTMLFormElement>(null);
  useLayoutEffect(() => {
    form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [problems, error]);
  return form;
}
