import type { State } from "@parley/client";
import type { JSX } from "preact";
import { useSnapshot } from "../../shared/stores.ts";
import { type MessageKey, t } from "../messages.ts";
import { useSession } from "../session.ts";
import type { Command } from "./commands.ts";
import { refusalWords } from "./refusals.ts";

interface Props {
  readonly command: Pick<Command<unknown>, "progress" | "isWaiting" | "isLate" | "error">;
  /** Whether it is told elsewhere why it was refused. */
  readonly isTold?: boolean;
}

/** How the command of a form stands, while it is not done. */
export function Waiting({ command, isTold = false }: Props): JSX.Element {
  const { client } = useSession();
  const { state } = useSnapshot(client.connection);
  const { progress, isWaiting, error } = command;
  return (
    <>
      <p role="status" class="waiting">
        {isWaiting && t(waitingKey(command, state))}
      </p>
      {progress === "refused" && !isTold && (
        <p role="alert" class="field-error">
          {refusalWords(error)}
        </p>
      )}
    </>
  );
}

/** Name the words for a command on its way; who is let into no socket sends it over HTTP. */
export function waitingKey(
  { progress, isLate }: Pick<Command<unknown>, "progress" | "isLate">,
  state: State,
): MessageKey {
  if (state === "refused") return "waiting.sent";
  if (state !== "live") return progress === "kept" ? "waiting.offline" : "waiting.offline_page";
  return isLate ? "waiting.late" : "waiting.sent";
}
