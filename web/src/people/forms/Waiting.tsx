import type { JSX } from "preact";
import { useSnapshot } from "../../shared/stores.ts";
import { t } from "../messages.ts";
import { useSession } from "../session.ts";
import type { Command } from "./commands.ts";
import { refusalWords } from "./refusals.ts";

interface Props {
  readonly command: Pick<Command<unknown>, "progress" | "isLate" | "error">;
}

/** How the command of a form stands, while it is not done. */
export function Waiting({ command }: Props): JSX.Element {
  const { client } = useSession();
  const { state } = useSnapshot(client.connection);
  const { progress, isLate, error } = command;
  const isWaiting = progress === "sending" || progress === "kept";
  return (
    <>
      <p role="status" class="waiting">
        {isWaiting &&
          (state !== "live"
            ? t("waiting.offline")
            : isLate
              ? t("waiting.late")
              : t("waiting.sent"))}
      </p>
      {progress === "refused" && (
        <p role="alert" class="field-error">
          {refusalWords(error)}
        </p>
      )}
    </>
  );
}
