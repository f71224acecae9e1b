import type { DisputeView } from "@parley/client";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Button } from "../../shared/components/Button.tsx";
import { useCommand } from "../forms/commands.ts";
import { Waiting } from "../forms/Waiting.tsx";
import { t } from "../messages.ts";
import type { PartProps } from "./Dispute.tsx";

/** The end of a dispute by who opened it, in two steps. */
export function WithdrawDispute({ dispute, acts, onDone }: PartProps): JSX.Element | null {
  const [isAsked, setAsked] = useState(false);
  const command = useCommand<DisputeView>();
  const { isWaiting, answer } = command;
  useEffect(() => {
    if (answer) onDone();
  }, [answer]);
  if (!dispute.allowed_actions.includes("withdraw")) return null;
  return (
    <div class="withdraw">
      {isAsked && <p>{t("dispute.withdraw_means")}</p>}
      <Waiting command={command} />
      <div class="actions">
        {/* One button, so that the focus stays on it. */}
        <Button
          kind={isAsked ? "danger" : "plain"}
          busy={isWaiting}
          onClick={() => {
            if (isAsked) command.send((key) => acts.withdraw({ key }));
            setAsked(!isAsked);
          }}
        >
          {t(isAsked ? "dispute.withdraw_confirm" : "dispute.withdraw")}
        </Button>
        {isAsked && <Button onClick={() => setAsked(false)}>{t("action.cancel")}</Button>}
      </div>
    </div>
  );
}
