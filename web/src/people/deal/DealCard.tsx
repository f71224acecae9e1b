import type { DealView } from "@parley/client";
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import { Button } from "../../shared/components/Button.tsx";
import { Words } from "../../shared/components/Words.tsx";
import { t } from "../messages.ts";
import { useSession } from "../session.ts";
import { DealFacts } from "./DealFacts.tsx";
import { Differences } from "./Differences.tsx";
import { liveOffer, offerBefore, offerDifferences } from "./differences.ts";
import { HistoryList, useHistory } from "./History.tsx";
import { Notes } from "./Notes.tsx";
import { offeredSteps, type Step } from "./steps.ts";

interface Props {
  readonly deal: DealView;
  /** Whether a step is under way, or steps cannot be taken now. */
  readonly isBusy: boolean;
  readonly onStep: (step: Step) => void;
}

/** How a deal stands, what can be done with it, and what happened to it. */
export function DealCard({ deal, isBusy, onStep }: Props): JSX.Element {
  const { client } = useSession();
  const store = client.deal(deal.service);
  const history = useHistory(store, deal);
  const asked = useRef<string>(undefined);
  const offer = liveOffer(deal);
  const before = offerBefore(deal, history.events);
  const differences = offer && before ? offerDifferences(before, offer) : [];
  const { primary, others } = offeredSteps(deal.allowed_actions);
  const button = (step: Step, kind: "primary" | "plain") => (
    <Button
      key={step}
      kind={kind}
      off={isBusy}
      aria-haspopup="dialog"
      data-step={step}
      onClick={() => onStep(step)}
    >
      {t(step === "submit_note" && deal.notes?.mine ? "deal.change_note" : `deal.step_${step}`)}
    </Button>
  );
  return (
    <>
      <DealFacts
        deal={deal}
        isNoteShown={differences.some(({ field }) => field === "note")}
        onDue={() => {
          // Once for each state: the server's clock may be behind this one.
          const state = `${deal.service} ${deal.version}`;
          if (asked.current !== state) store.reload();
          asked.current = state;
        }}
      />
      {(primary || others.length > 0) && (
        // biome-ignore lint/a11y/useSemanticElements: a fieldset is for fields.
        <div class="actions" role="group" aria-label={t("deal.steps")}>
          {primary && button(primary, "primary")}
          {others.map((step) => button(step, "plain"))}
        </div>
      )}
      {differences.length > 0 && (
        <Differences deal={deal} caption={t("deal.offer_differs")} differences={differences} />
      )}
      {deal.description && (
        <details>
          <summary>{t("deal.description")}</summary>
          <Words text={deal.description} />
        </details>
      )}
      <Notes deal={deal} />
      <HistoryList deal={deal} history={history} />
    </>
  );
}
