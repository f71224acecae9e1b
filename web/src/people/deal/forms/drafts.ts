/** What is typed in the forms of deals, kept until it is sent. */

import { useState } from "preact/hooks";
import { recall, remember } from "../../../shared/settings.ts";
import { useSession } from "../../session.ts";

export interface Draft<Fields> {
  readonly fields: Fields;
  readonly type: (changed: Partial<Fields>) => void;
  /** Forget it: it was sent, or the outbox has it. */
  readonly forget: () => void;
}

/** What is typed about something: a deal and a step of it. */
export function useDraft<Fields extends Readonly<Record<string, string>>>(
  about: readonly (string | undefined)[],
  initial: Fields,
): Draft<Fields> {
  const { user } = useSession();
  const name = draftName(user, about);
  const [fields, setFields] = useState<Fields>(() => ({ ...initial, ...read(name) }));
  return {
    fields,
    type(changed) {
      const next = { ...fields, ...changed };
      setFields(next);
      remember(name, JSON.stringify(next));
    },
    forget: () => remember(name, undefined),
  };
}

/** Put words into a form that is opened next. */
export function keepDraft(
  user: string,
  about: readonly (string | undefined)[],
  fields: Readonly<Record<string, string>>,
): void {
  remember(draftName(user, about), JSON.stringify(fields));
}

function draftName(user: string, about: readonly (string | undefined)[]): string {
  return `deal draft ${JSON.stringify([user, ...about])}`;
}

function read(name: string): object {
  try {
    const kept: unknown = JSON.parse(recall(name) ?? "{}");
    return typeof kept === "object" && kept ? kept : {};
  } catch {
    // Somebody has changed the browser's storage.
    return {};
  }
}
