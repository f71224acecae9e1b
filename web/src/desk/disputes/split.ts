/** The parts of a split as they are typed. */

import { exponentOf, parsePrice } from "@parley/client";
import type { Money, Settlement } from "../generated/api.ts";

/** Read both parts, which together must be the agreed price. Undefined when they are not. */
export function readSplit(provider: string, client: string, price: Money): Settlement | undefined {
  const { currency, amount_minor } = price;
  try {
    const exponent = exponentOf(currency);
    const [provider_minor, client_minor] = [provider, client].map(
      (typed) => parsePrice(typed.trim(), currency, exponent).amount_minor,
    ) as [number, number];
    const isWhole = provider_minor + client_minor === amount_minor;
    return isWhole ? { provider_minor, client_minor } : undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
