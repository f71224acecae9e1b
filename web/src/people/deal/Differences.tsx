import type { DealView, Money, Offer } from "@parley/client";
import type { ComponentChildren, JSX } from "preact";
import { Words } from "../../shared/components/Words.tsx";
import { dayAndTime } from "../../shared/format.ts";
import { t } from "../messages.ts";
import { useSession } from "../session.ts";
import type { Difference } from "./differences.ts";
import { dealMoney, stateWords, whoWords } from "./words.ts";

interface Props {
  readonly deal: DealView;
  readonly caption: string;
  readonly differences: readonly Difference[];
}

/** Old and new side by side, by field. */
export function Differences({ deal, caption, differences }: Props): JSX.Element {
  const { user } = useSession();
  return (
    <table class="differences">
      <caption>{caption}</caption>
      <thead>
        <tr>
          <td />
          <th scope="col">{t("form.before")}</th>
          <th scope="col">{t("form.now")}</th>
        </tr>
      </thead>
      <tbody>
        {differences.map(({ field, before, after }) => (
          <tr key={field} data-field={field}>
            <th scope="row">{t(`deal.field_${field}`)}</th>
            <td class="before">{shown(field, before, deal, user)}</td>
            <td class="after">{shown(field, after, deal, user)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function shown(
  field: Difference["field"],
  value: unknown,
  deal: DealView,
  user: string,
): ComponentChildren {
  if (value === undefined) return <span class="muted">{t("deal.nothing")}</span>;
  switch (field) {
    case "state":
      return stateWords(value as DealView["state"]);
    case "price":
    case "agreed":
      return dealMoney(value as Money, deal);
    case "offer": {
      const { number, by, created_at } = value as Offer;
      return t("deal.offer_named", {
        number,
        ...whoWords(by, user),
        when: dayAndTime(created_at),
      });
    }
    case "cancellation": {
      const { by } = value as NonNullable<DealView["cancellation"]>;
      return t("deal.asks_to_cancel", whoWords(by, user));
    }
    case "hold":
      return t("deal.held");
    case "notes":
      return t("deal.notes_open");
    default:
      return <Words text={String(value)} />;
  }
}
