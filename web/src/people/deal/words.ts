/** Deals in a few words. */

import type { DealView } from "@parley/client";
import { money } from "../../shared/format.ts";
import { type MessageKey, t } from "../messages.ts";

/** How a deal stands, with its price, in one line. */
export function dealLine(deal: DealView): string {
  const price = deal.offer?.price ?? deal.agreed?.price;
  const key: MessageKey = `deal.state_${deal.state}`;
  return price ? t("deal.line", { state: t(key), price: money(price, deal.exponent) }) : t(key);
}
