import type { JSX } from "preact";
import { Button } from "../../shared/components/Button.tsx";
import { t } from "../messages.ts";
import { useSession } from "../session.ts";

interface Props {
  readonly command: string;
  /** Whether the same may succeed; otherwise it can only be given up. */
  readonly canRetry?: boolean;
}

/** Buttons to try a refused command again, and to give it up. */
export function FailedActions({ command, canRetry = true }: Props): JSX.Element {
  const { client } = useSession();
  return (
    <div class="actions">
      {canRetry && (
        <Button
          onClick={() => {
            // The entry that takes its place says how it goes.
            client.outbox.retry(command).catch(() => {});
          }}
        >
          {t("action.retry")}
        </Button>
      )}
      <Button kind="quiet" onClick={() => client.outbox.discard(command)}>
        {t("action.discard")}
      </Button>
    </div>
  );
}
