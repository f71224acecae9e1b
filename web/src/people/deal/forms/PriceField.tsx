import type { JSX } from "preact";
import { money } from "../../../shared/format.ts";
import { language } from "../../../shared/language.ts";
import { AmountField } from "../../forms/fields.tsx";
import { t } from "../../messages.ts";
import { readAmount, writtenAmount } from "../amounts.ts";

interface Props {
  readonly value: string;
  readonly currency: string;
  readonly exponent: number;
  readonly error: string | undefined;
  readonly onType: (typed: string) => void;
}

/** The price of a deal; under it, as it is understood. */
export function PriceField({ value, currency, exponent, error, onType }: Props): JSX.Element {
  const read = readAmount(value, currency, exponent, language.value);
  const example = writtenAmount(123_450, exponent, language.value);
  return (
    <AmountField
      label={t("deal.amount", { currency })}
      hint={
        "minor" in read
          ? t("deal.amount_is", {
              amount: money({ amount_minor: read.minor, currency }, exponent),
            })
          : t("deal.amount_hint", { example })
      }
      error={error}
      value={value}
      onType={onType}
    />
  );
}
