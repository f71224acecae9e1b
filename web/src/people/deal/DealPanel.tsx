import type { ConversationStore, ConversationView, DealView } from "@parley/client";
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { Banner } from "../../shared/components/Banner.tsx";
import { Button } from "../../shared/components/Button.tsx";
import { useSnapshot } from "../../shared/stores.ts";
import { oneLine } from "../../shared/words.ts";
import { t } from "../messages.ts";
import { useDealsAway } from "./availability.ts";
import { DealCard } from "./DealCard.tsx";
import { useKeptFocus } from "./focus.ts";
import { ProposalDialog } from "./forms/ProposalDialog.tsx";
import { StepDialog } from "./forms/StepDialog.tsx";
import { PendingSteps, usePendingSteps } from "./PendingSteps.tsx";
import { isOpen, type Step } from "./steps.ts";

interface Props {
  readonly conversation: ConversationStore;
  readonly view: ConversationView;
}

/** The deal of a conversation, above its words. */
export function DealPanel({ conversation, view }: Props): JSX.Element | null {
  const { deal } = view;
  const { loading, deal: known } = useSnapshot(conversation.deal);
  const { entries, isWaiting } = usePendingSteps(view.conversation, deal);
  const isAway = useDealsAway(view.conversation, loading === "loading" || isWaiting);
  const [form, setForm] = useState<{ readonly step: Step | "propose"; readonly deal?: DealView }>();
  const box = useRef<HTMLElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  useKeptFocus(box, heading);
  // One begins with the first message.
  if (!view.conversation) return null;
  // What is shown of an earlier visit may be old.
  const isOld = deal !== undefined && known?.service !== deal.service;
  const canPropose = !isOpen(deal) && !view.blocked && !isOld && !isAway;
  const open = (step: Step | "propose") => setForm({ step, ...(deal && { deal }) });
  return (
    <section ref={box} class="deal-panel" part="deal" aria-label={t("deal.panel")}>
      <h2 ref={heading} tabIndex={-1} class={deal ? "" : "unseen"}>
        {deal ? <bdi>{oneLine(deal.title)}</bdi> : t("deal.panel")}
      </h2>
      {isAway && <Banner kind="warning">{t("deal.away")}</Banner>}
      {deal && <DealCard deal={deal} isBusy={isWaiting || isOld} onStep={open} />}
      <PendingSteps entries={entries} deal={deal} onOpen={open} />
      {canPropose && (
        <Button
          kind="quiet"
          busy={isWaiting}
          aria-haspopup="dialog"
          onClick={() => open("propose")}
        >
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
