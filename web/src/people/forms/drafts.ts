/** Words that are typed and not sent: they outlast the page. */

import { useState } from "preact/hooks";
import { recall, remember } from "../../shared/settings.ts";
import { type Session, useSession } from "../session.ts";

/** The fields of a form, as they are typed. */
export type Fields<Name extends string = string> = Readonly<Record<Name, string>>;

export interface Draft<Name extends string> {
  readonly fields: Fields<Name>;
  readonly type: (changed: Partial<Fields<Name>>) => void;
  /** Forget what is remembered; what is shown stays. */
  readonly forget: () => void;
  /** Remember what is shown once more. */
  readonly restore: () => void;
}

type Owner = Pick<Session, "server" | "user">;

/** Give what was typed under a name, and remember what is. */
export function useDraft<Name extends string>(name: string, initial: Fields<Name>): Draft<Name> {
  const key = keyOf(useSession(), name);
  const [fields, setFields] = useState(() => ({ ...initial, ...read(key, initial) }));
  const keep = (typed: Fields<Name>) => {
    const isTyped = Object.keys(initial).some((one) => typed[one as Name] !== initial[one as Name]);
    remember(key, isTyped ? JSON.stringify(typed) : undefined);
  };
  return {
    fields,
    type: (changed) => {
      const typed = { ...fields, ...changed };
      setFields(typed);
      keep(typed);
    },
    forget: () => remember(key, undefined),
    restore: () => keep(fields),
  };
}

/** Put words into a form that is opened next. */
export function keepDraft(owner: Owner, name: string, fields: Fields): void {
  remember(keyOf(owner, name), JSON.stringify(fields));
}

function keyOf({ server, user }: Owner, name: string): string {
  return `draft ${JSON.stringify([server, user, name])}`;
}

/** The fields that a form has, of those that were remembered. */
function read<Name extends string>(key: string, initial: Fields<Name>): Partial<Fields<Name>> {
  let kept: unknown;
  try {
    kept = JSON.parse(recall(key) ?? "{}");
  } catch {
    // Somebody has changed the browser's storage.
    return {};
  }
  const fields = Object.entries(kept ?? {}).filter(
    ([name, value]) => Object.hasOwn(initial, name) && typeof value === "string",
  );
  return Object.fromEntries(fields) as Partial<Fields<Name>>;
}
