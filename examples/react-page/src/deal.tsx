/** The deal of a conversation: what stands, and what this person can do now. */

import {
  type ConversationStore,
  type DealView,
  exponentOf,
  formatPrice,
  parsePrice,
  StaleOffer,
} from "@parley/client";
import { useStore } from "@parley/client/react";
import { type FormEvent, useState } from "react";

const CURRENCY = "EUR";

export function Deal({ conversation }: { conversation: ConversationStore }) {
  const { deal } = useStore(conversation.deal);
  const [problem, setProblem] = useState("");

  /** Do something; say what went wrong. */
  async function attempt(step: () => Promise<unknown>) {
    setProblem("");
    try {
      await step();
    } catch (error) {
      // The offer that is shown from now on is the current one, about which the person decides again.
      const stale = error instanceof StaleOffer;
      setProblem(stale ? "The offer has changed." : (error as Error).message);
    }
  }

  function propose(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    void attempt(() => {
      const price = parsePrice(String(form.get("price")), CURRENCY, exponentOf(CURRENCY));
      return conversation.propose({ role: "provider", title: String(form.get("title")), price });
    });
  }

  const open = deal && ["offered", "agreed", "delivered"].includes(deal.state);
  return (
    <section aria-label="Deal">
      {deal && <Terms deal={deal} />}
      {deal && <Steps deal={deal} conversation={conversation} attempt={attempt} />}
      {!open && (
        <form onSubmit={propose}>
          <input name="title" aria-label="What" placeholder="What you offer" required />
          <input name="price" aria-label="Price" placeholder="Price in EUR" required />
          <button type="submit">Propose</button>
        </form>
      )}
      <p role="alert">{problem}</p>
    </section>
  );
}

function Terms({ deal }: { deal: DealView }) {
  const { title, state, exponent, agreed } = deal;
  const offer = deal.offer ?? deal.amendment;
  return (
    <p>
      <strong>{title}</strong> <output>{state}</output>{" "}
      {agreed && `agreed: ${formatPrice(agreed.price, exponent)} `}
      {offer && `${offer.by} offers ${formatPrice(offer.price, exponent)}`}
    </p>
  );
}

function Steps(props: {
  deal: DealView;
  conversation: ConversationStore;
  attempt: (step: () => Promise<unknown>) => Promise<void>;
}) {
  const { deal, conversation, attempt } = props;
  const offer = deal.offer ?? deal.amendment;
  const actions = conversation.deal;
  // Each step that `allowed_actions` names, and no other.
  const steps = {
    accept: () => offer && actions.accept(offer),
    decline: () => offer && actions.decline(offer),
    withdraw: () => offer && actions.withdraw(offer),
    deliver: () => actions.deliver(),
    complete: () => actions.complete(),
    reopen: () => actions.reopen(),
    request_cancellation: () => actions.requestCancellation(),
    confirm_cancellation: () => actions.confirmCancellation(),
  };
  return (
    <p>
      {Object.entries(steps)
        .filter(([name]) => deal.allowed_actions.includes(name))
        .map(([name, step]) => (
          <button key={name} type="button" onClick={() => void attempt(async () => step())}>
            {name.replaceAll("_", " ")}
          </button>
        ))}
    </p>
  );
}
