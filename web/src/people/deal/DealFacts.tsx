import type { DealView } from "@parley/client";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Words } from "../../shared/components/Words.tsx";
import { dayAndTime } from "../../shared/format.ts";
import { t } from "../messages.ts";
import { useSession } from "../session.ts";
import { liveOffer } from "./differences.ts";
import { dealMoney, peerOf, stateWords, timeLeft, whoWords } from "./words.ts";

/** How often clocks move, in milliseconds. */
const TICK = 15_000;

interface Props {
  readonly deal: DealView;
  /** Whether the words to the offer are shown elsewhere. */
  readonly isNoteShown: boolean;
  /** Called when a time is over: what is due has happened. */
  readonly onDue: () => void;
}

/** How a deal stands: its state and price, the live offer, and until when. */
export function DealFacts({ deal, isNoteShown, onDue }: Props): JSX.Element {
  const { user } = useSession();
  const offer = liveOffer(deal);
  const { agreed, cancellation, hold } = deal;
  return (
    <div class="deal-facts">
      <p class="deal-state">
        <span class="fact">{stateWords(deal.state)}</span>{" "}
        {t(
          deal.provider === user ? "deal.you_provide" : "deal.you_pay",
          whoWords(peerOf(deal, user), user),
        )}
      </p>
      {agreed && <p>{t("deal.agreed_price", { price: dealMoney(agreed.price, deal) })}</p>}
      {offer && (
        <p class="deal-offer">
          <span>{t(agreed ? "deal.amendment_of" : "deal.offer_of", whoWords(offer.by, user))}</span>{" "}
          <strong class="deal-price">{dealMoney(offer.price, deal)}</strong>
        </p>
      )}
      {offer?.note && !isNoteShown && (
        <p class="bubble">
          <Words text={offer.note} />
        </p>
      )}
      {cancellation && (
        <div class="deal-cancellation">
          <p>{t("deal.asks_to_cancel", whoWords(cancellation.by, user))}</p>
          {cancellation.reason && (
            <p class="bubble">
              <Words text={cancellation.reason} />
            </p>
          )}
        </div>
      )}
      {hold && <p>{t("deal.held_long")}</p>}
      <Settlement deal={deal} />
      <Clocks deal={deal} onDue={onDue} />
    </div>
  );
}

/** Who has what in the end. */
function Settlement({ deal }: { readonly deal: DealView }): JSX.Element | null {
  const { settlement, currency } = deal;
  if (!settlement) return null;
  const of = (amount_minor: number) => dealMoney({ amount_minor, currency }, deal);
  return (
    <p>
      {t("deal.settlement", {
        provider: of(settlement.provider_minor),
        client: of(settlement.client_minor),
      })}
    </p>
  );
}

/** The times at which something happens by itself, in the order in which they are told. */
const CLOCKS = ["offer", "cancellation", "completion", "delivery", "dispute", "notes"] as const;

function Clocks({
  deal,
  onDue,
}: {
  readonly deal: DealView;
  readonly onDue: () => void;
}): JSX.Element {
  const now = useNow();
  const clocks = CLOCKS.flatMap((name) => {
    const until = name === "offer" ? offerEnd(deal) : deal.deadlines[name];
    return until ? [{ name, until }] : [];
  });
  const due = clocks.find(({ until }) => Date.parse(until) <= now)?.until;
  useEffect(() => {
    if (due) onDue();
  }, [due]);
  return (
    <ul class="deal-clocks">
      {clocks.map(({ name, until }) => (
        <li key={name} data-clock={name}>
          <time dateTime={until}>
            {Date.parse(until) <= now
              ? t("deal.clock_over", { when: dayAndTime(until) })
              : t(`deal.clock_${name}`, { left: timeLeft(until, now), when: dayAndTime(until) })}
          </time>
        </li>
      ))}
    </ul>
  );
}

function offerEnd(deal: DealView): string | undefined {
  return liveOffer(deal)?.expires_at ?? deal.deadlines["offer"];
}

/** The present time, which moves on by itself. */
function useNow(): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), TICK);
    return () => clearInterval(timer);
  }, []);
  return Math.max(now, Date.now());
}
