import type { DealView } from "@parley/client";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Button } from "../../shared/components/Button.tsx";
import { refusalWords } from "../forms/refusals.ts";
import { t } from "../messages.ts";
import { useSession } from "../session.ts";
import { dealLine, dealTitle } from "./words.ts";

interface Props {
  /** The deal that is shown. */
  readonly deal: DealView;
  readonly onChoose: (deal: DealView) => void;
}

type Found = { readonly deals: readonly DealView[]; readonly next?: string | undefined };

/** All deals of a conversation, read when somebody wants to see them: notes may be due on one that has ended. */
export function EarlierDeals({ deal, onChoose }: Props): JSX.Element {
  const { client } = useSession();
  const [found, setFound] = useState<Found>();
  const [isReading, setReading] = useState(false);
  const [error, setError] = useState<unknown>();
  const { conversation } = deal;
  const read = (before: readonly DealView[], page?: string) => {
    setReading(true);
    setError(undefined);
    client
      .deals({ conversation })
      .page(page)
      .then(({ items, next }) => setFound({ deals: [...before, ...items], next }), setError)
      .finally(() => setReading(false));
  };
  const others = found?.deals.filter(({ service }) => service !== deal.service) ?? [];
  return (
    <details
      class="earlier-deals"
      onToggle={(event) => {
        if (event.currentTarget.open) read([]);
      }}
    >
      <summary>{t("deal.others")}</summary>
      {error !== undefined && <p class="field-error">{refusalWords(error)}</p>}
      {found && !others.length && !found.next && <p>{t("deal.others_none")}</p>}
      <ul>
        {others.map((one) => (
          <li key={one.service}>
            <Button kind="quiet" onClick={() => onChoose(one)}>
              <bdi>{dealTitle(one)}</bdi>, {dealLine(one)}
            </Button>
          </li>
        ))}
      </ul>
      {found?.next && (
        <Button busy={isReading} onClick={() => read(found.deals, found.next)}>
          {t("inbox.more")}
        </Button>
      )}
    </details>
  );
}
