import type { ConversationStore, ConversationView } from "@parley/client";
import type { JSX } from "preact";
import { oneLine } from "../../shared/words.ts";
import { dealLine } from "./words.ts";

interface Props {
  readonly conversation: ConversationStore;
  readonly view: ConversationView;
}

/** The deal of a conversation, above its words. */
export function DealPanel({ view }: Props): JSX.Element | null {
  const { deal } = view;
  if (!deal) return null;
  return (
    <section class="deal-panel" aria-label={oneLine(deal.title)}>
      <h2>
        <bdi>{oneLine(deal.title)}</bdi>
      </h2>
      <p>{dealLine(deal)}</p>
    </section>
  );
}
