import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Button } from "../../shared/components/Button.tsx";
import { oneLine } from "../../shared/words.ts";
import { useCommand } from "../forms/commands.ts";
import { Waiting } from "../forms/Waiting.tsx";
import { t } from "../messages.ts";
import { useSession } from "../session.ts";

interface Props {
  readonly peer: string;
  readonly isBlocked: boolean;
}

/** To block somebody or no longer, with what that does. */
export function BlockChoice({ peer, isBlocked }: Props): JSX.Element {
  const { client } = useSession();
  const command = useCommand<unknown>();
  const [isAsked, setAsked] = useState(false);
  const isBusy = command.progress === "sending";
  const name = oneLine(peer);
  const choose = () => {
    if (!isBlocked && !isAsked) setAsked(true);
    else {
      setAsked(false);
      command.send(() => (isBlocked ? client.unblock(peer) : client.block(peer)));
    }
  };
  return (
    <section class="block-choice">
      <h3>{t("block.title")}</h3>
      <p role="status">{t(isBlocked ? "block.is_blocked" : "block.is_not", { peer: name })}</p>
      {(isAsked || isBlocked) && (
        <ul>
          <li>{t("block.does_messages", { peer: name })}</li>
          <li>{t("block.does_untold", { peer: name })}</li>
          <li>{t("block.does_deals")}</li>
          <li>{t("block.does_not_return", { peer: name })}</li>
        </ul>
      )}
      <Waiting command={command} />
      <div class="actions">
        {/* One button, whatever it does: the focus stays on it. */}
        <Button kind={isAsked ? "danger" : "plain"} busy={isBusy} onClick={choose}>
          {isBlocked
            ? t("block.unblock", { peer: name })
            : t(isAsked ? "block.confirm" : "block.block", { peer: name })}
        </Button>
      </div>
    </section>
  );
}
