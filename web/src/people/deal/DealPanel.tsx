import type { ConversationStore, ConversationView, DealView } from "@parley/client";
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Banner } from "../../shared/components/Banner.tsx";
import { Button } from "../../shared/components/Button.tsx";
import { useSnapshot } from "../../shared/stores.ts";
import { DisputePanel } from "../dispute/DisputePanel.tsx";
import { t } from "../messages.ts";
import { useSession } from "../session.ts";
import { useDealsAway } from "./availability.ts";
import { DealCard } from "./DealCard.tsx";
import { EarlierDeals } from "./EarlierDeals.tsx";
import { useKeptFocus } from "./focus.ts";
import { ProposalDialog } from "./forms/ProposalDialog.tsx";
import { StepDialog } from "./forms/StepDialog.tsx";
import { PendingSteps, usePendingSteps } from "./PendingSteps.tsx";
import { isOpen, type Step } from "./steps.ts";
import { dealTitle } from "./words.ts";

interface Props {
  readonly conversation: ConversationStore;
  readonly view: ConversationView;
}

/** The deal of a conversation, above its words: the newest, or an earlier one that was chosen. */
export function DealPanel({ conversation, view }: Props): JSX.Element | null {
  const { client } = useSession();
  const newest = view.deal?.service;
  const [chosen, setChosen] = useState<DealView>();
  const isEarlier = chosen !== undefined && chosen.service !== newest;
  const store = isEarlier ? client.deal(chosen.service) : conversation.deal;
  useEffect(() => setChosen(undefined), [newest]);
  const { loading, deal: known } = useSnapshot(store);
  const deal = isEarlier ? (known ?? chosen) : view.deal;
  const { entries, isWaiting } = usePendingSteps(view.conversation, deal);
  const isAway = useDealsAway(view.conversation, loading === "loading", isWaiting);
  const [form, setForm] = useState<{ readonly step: Step | "propose"; readonly deal?: DealView }>();
  const box = useRef<HTMLElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const isThere = view.conversation !== undefined;
  useKeptFocus(box, heading);
  // A deal needs a conversation, which begins with its first message.
  if (!isThere) return null;
  // What is shown of an earlier visit may be old.
  const isOld = deal !== undefined && known?.service !== deal.service;
  const canPropose = !isOpen(view.deal) && !view.blocked && !isOld && !isAway;
  const open = (step: Step | "propose") => setForm({ step, ...(deal && { deal }) });
  const choose = (one: DealView) => {
    setChosen(one);
    heading.current?.focus();
  };
  return (
    <section ref={box} class="deal-panel" part="deal" aria-label={t("deal.panel")}>
      <h2 ref={heading} tabIndex={-1} class={deal ? "" : "unseen"}>
        {deal ? <bdi>{dealTitle(deal)}</bdi> : t("deal.panel")}
      </h2>
      {isAway && <Banner kind="warning">{t("deal.away")}</Banner>}
      <PendingSteps entries={entries} deal={deal} onOpen={open} />
      {deal && (
        <DealCard key={deal.service} deal={deal} isBusy={isWaiting || isOld} onStep={open} />
      )}
      {deal && (
        <DisputePanel
          key={`dispute of ${deal.service}`}
          deal={store}
          shown={deal}
          shownDispute={view.dispute}
        />
      )}
      {deal && <EarlierDeals key={`others of ${deal.service}`} deal={deal} onChoose={choose} />}
      {canPropose && (
        <Button kind="quiet" off={isWaiting} aria-haspopup="dialog" onClick={() => open("propose")}>
          {t("deal.propose")}
        </Button>
      )}
      {form?.step === "propose" && (
        <ProposalDialog
          conversation={conversation}
          view={view}
          onClose={() => setForm(undefined)}
        />
      )}
      {form?.deal && form.step !== "propose" && (
        <StepDialog
          key={`${form.deal.service} ${form.step}`}
          deal={form.deal}
          step={form.step}
          onClose={() => setForm(undefined)}
        />
      )}
    </section>
  );
}
