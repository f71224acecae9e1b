/** The command of a dialog of deals. */

import { useEffect } from "preact/hooks";
import { useSnapshot } from "../../../shared/stores.ts";
import { type Command, useCommand } from "../../forms/commands.ts";
import { useSession } from "../../session.ts";

/**
 * Follow the command of a dialog, and call `onDone` when it was done, or when it waits in the outbox for a
 * connection: the panel shows it then.
 */
export function useDialogCommand(onDone: () => void): Command<unknown> {
  const { client } = useSession();
  const { state } = useSnapshot(client.connection);
  const command = useCommand<unknown>();
  const { progress } = command;
  const isOver = progress === "done" || (progress === "kept" && state !== "live");
  useEffect(() => {
    if (isOver) onDone();
  }, [isOver]);
  return command;
}
