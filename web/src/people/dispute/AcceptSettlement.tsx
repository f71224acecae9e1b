import type { DisputeView, ShownSettlement } from "@parley/client";
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Button } from "../../shared/components/Button.tsx";
import { oneLine } from "../../shared/words.ts";
import { useCommand } from "../forms/commands.ts";
import { Waiting } from "../forms/Waiting.tsx";
import { t } from "../messages.ts";
import { useSession } from "../session.ts";
import type { PartProps } from "./Dispute.tsx";
import { OldAndNew } from "./OldAndNew.tsx";
import { isOver, newestOffer, sinceShown } from "./rules.ts";
import { splitWords, who } from "./words.ts";

/** The settlement on the table, and its acceptance in two steps: nothing is accepted that was not looked at. */
export function AcceptSettlement({
  dispute,
  exponent,
  acts,
  onDone,
}: PartProps): JSX.Element | null {
  const { user } = useSession();
  const [looked, setLooked] = useState<ShownSettlement>();
  const command = useCommand<DisputeView>();
  const { progress, isWaiting, answer } = command;
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (answer) onDone();
  }, [answer]);
  useLayoutEffect(() => {
    // The button that was pressed has gone, or does something else now.
    if (looked) title.current?.focus();
  }, [looked]);
  const newest = newestOffer(dispute);
  if (!newest || (isOver(dispute) && (!looked || progress === "done"))) return null;
  const words = (one: ShownSettlement) => splitWords(one.settlement, dispute, user, exponent);
  const mayAccept = dispute.allowed_actions.includes("accept") && newest.by !== user;
  const since = looked && sinceShown(looked, dispute);
  return (
    <section class="settlement" aria-labelledby="settlement">
      <h2 id="settlement" ref={title} tabIndex={-1}>
        {t(looked ? "dispute.confirm_title" : "dispute.newest")}
      </h2>
      {since?.kind === "changed" && looked ? (
        <div role="alert">
          <OldAndNew title={t("dispute.changed")} before={words(looked)} now={words(since.now)} />
        </div>
      ) : (
        <p>
          {t("dispute.offer_by", {
            who: who(newest.by, user),
            peer: oneLine(newest.by),
            split: words(newest),
          })}
        </p>
      )}
      {since?.kind === "over" && <p role="alert">{t("dispute.over_meanwhile")}</p>}
      {looked && since?.kind === "same" && <p class="muted">{t("dispute.accept_means")}</p>}
      <Waiting command={command} />
      <div class="actions">
        {!looked && mayAccept && (
          <Button key="look" kind="primary" onClick={() => setLooked(newest)}>
            {t("dispute.accept_begin")}
          </Button>
        )}
        {looked && since?.kind === "changed" && mayAccept && (
          <Button
            key="look again"
            kind="primary"
            onClick={() => {
              command.reset();
              setLooked(since.now);
            }}
          >
            {t("dispute.look_again")}
          </Button>
        )}
        {looked && since?.kind === "same" && mayAccept && (
          // One that is pressed while the proposal changes is not there any more when it is let go.
          <Button
            key={`accept ${looked.number}`}
            kind="primary"
            busy={isWaiting}
            onClick={() => command.send((key) => acts.accept(looked, { key }))}
          >
            {t("dispute.accept", { split: words(looked) })}
          </Button>
        )}
        {looked && (
          <Button
            onClick={() => {
              if (!isWaiting) command.reset();
              setLooked(undefined);
              title.current?.focus();
            }}
          >
            {t(isWaiting ? "action.close" : "action.cancel")}
          </Button>
        )}
      </div>
    </section>
  );
}
