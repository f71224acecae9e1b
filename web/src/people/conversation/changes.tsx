import type { DELETE_MSG, EDIT_MSG, OutboxEntry } from "@parley/client";
import type { JSX } from "preact";
import { Words } from "../../shared/components/Words.tsx";
import { useSnapshot } from "../../shared/stores.ts";
import { t } from "../messages.ts";
import { useSession } from "../session.ts";
import { FailedActions } from "./FailedActions.tsx";
import { failureWords } from "./failures.ts";

/** The opcodes of the commands that change a message. */
const EDIT: typeof EDIT_MSG = 20;
const DELETE: typeof DELETE_MSG = 21;

/** The changes of a message that wait, or were refused: it is still seen as it was. */
export function PendingChanges({ message }: { readonly message: string }): JSX.Element | null {
  const { client } = useSession();
  const waiting = useSnapshot(client.pending).filter(
    ({ op, payload }) => (op === EDIT || op === DELETE) && payload["message"] === message,
  );
  if (!waiting.length) return null;
  return (
    <div class="changes">
      {waiting.map((entry) => (
        <PendingChange key={entry.key} entry={entry} />
      ))}
    </div>
  );
}

function PendingChange({ entry }: { readonly entry: OutboxEntry }): JSX.Element {
  const { key, op, payload, state, error } = entry;
  return (
    <div class="change">
      <p>{t(op === EDIT ? "change.edit_waits" : "change.delete_waits")}</p>
      {op === EDIT && (
        <p class="bubble">
          <Words text={String(payload["text"])} />
        </p>
      )}
      {state === "failed" && (
        <>
          <p class="field-error">{failureWords(error)}</p>
          <FailedActions command={key} />
        </>
      )}
    </div>
  );
}
