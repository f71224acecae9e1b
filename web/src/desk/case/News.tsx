import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Banner } from "../../shared/components/Banner.tsx";
import { Button } from "../../shared/components/Button.tsx";
import { dayAndTime } from "../../shared/format.ts";
import type { AuditEntry } from "../generated/api.ts";
import { t } from "../messages.ts";
import { stepWords } from "../words.ts";

interface NewsProps {
  /** The steps since, the oldest first. */
  readonly steps: readonly AuditEntry[];
  /** The reader has looked at it; undefined where nothing is left to decide. */
  readonly onSeen?: (() => void) | undefined;
}

/** Says that something stands otherwise than it was shown, and who did what. */
export function News({ steps, onSeen }: NewsProps): JSX.Element {
  return (
    <Banner kind="error" actions={onSeen && <Button onClick={onSeen}>{t("news.seen")}</Button>}>
      <strong>{t("news.title")}</strong>
      <ul class="news">
        {steps.map((step) => (
          <li key={step.number}>
            {dayAndTime(step.create_time)}: {stepWords(step)}
          </li>
        ))}
      </ul>
    </Banner>
  );
}

/** One's own text for a decision that another has made, or that cannot be made now. */
export function OwnWords({ texts }: { readonly texts: readonly string[] }): JSX.Element | null {
  const [isCopied, setCopied] = useState(false);
  const words = texts.filter((one) => one.trim()).join("\n\n");
  if (!words) return null;
  return (
    <section class="own-words" aria-labelledby="own-words">
      <h2 id="own-words">{t("news.own_words")}</h2>
      <textarea readOnly rows={6} aria-labelledby="own-words" value={words} dir="auto" />
      <div class="actions">
        <Button
          onClick={() => {
            // Where the browser denies it, the words can be marked and copied.
            navigator.clipboard?.writeText(words).then(
              () => setCopied(true),
              () => setCopied(false),
            );
          }}
        >
          {t("news.copy")}
        </Button>
        <span role="status">{isCopied && t("news.copied")}</span>
      </div>
    </section>
  );
}
