/** Words that are typed and not sent: they outlast the page. */

import { useState } from "preact/hooks";
import { recall, remember } from "../../shared/settings.ts";
import { useSession } from "../session.ts";

export interface Draft {
  readonly text: string;
  readonly type: (text: string) => void;
  /** Forget what is remembered; what is shown stays. */
  readonly forget: () => void;
  /** Remember what is shown once more. */
  readonly restore: () => void;
}

/** Give what was typed under a name, and remember what is. */
export function useDraft(name: string): Draft {
  const { server, user } = useSession();
  const key = `draft ${JSON.stringify([server, user, name])}`;
  const [text, setText] = useState(() => recall(key) ?? "");
  return {
    text,
    type: (typed) => {
      setText(typed);
      remember(key, typed || undefined);
    },
    forget: () => {
      remember(key, undefined);
    },
    restore: () => {
      remember(key, text || undefined);
    },
  };
}
