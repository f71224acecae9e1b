import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { Button } from "../../shared/components/Button.tsx";
import { oneLine } from "../../shared/words.ts";
import { refusalWords } from "../forms/refusals.ts";
import { usePages } from "../lists/pages.ts";
import { blockedOf, useTold } from "../lists/told.ts";
import { t } from "../messages.ts";

/** The people whom this user blocks, to unblock them. */
export function Blocks(): JSX.Element {
  const client = useTold();
  const listed = usePages(() => client.blocks());
  const blocked = blockedOf(client, listed.items);
  const heading = useRef<HTMLHeadingElement>(null);
  const [busy, setBusy] = useState<string>();
  const [error, setError] = useState<unknown>();
  const unblock = (user: string) => {
    setBusy(user);
    setError(undefined);
    client
      .unblock(user)
      // Its button is gone.
      .then(() => heading.current?.focus())
      .catch(setError)
      .finally(() => setBusy(undefined));
  };
  return (
    <section aria-labelledby="blocks">
      <h2 id="blocks" ref={heading} tabIndex={-1}>
        {t("block.list_title")}
      </h2>
      {blocked.length > 0 && (
        <ul class="blocks">
          {blocked.map((user) => (
            <li key={user}>
              <bdi>{oneLine(user)}</bdi>
              <Button
                busy={busy === user}
                aria-label={t("block.unblock", { peer: oneLine(user) })}
                onClick={() => unblock(user)}
              >
                {t("composer.unblock")}
              </Button>
            </li>
          ))}
        </ul>
      )}
      {!blocked.length && listed.loading === "ready" && <p class="muted">{t("block.none")}</p>}
      {listed.isLate && <p role="status">{t("waiting.late_list")}</p>}
      {(error !== undefined || listed.loading === "failed") && (
        <p role="alert" class="field-error">
          {refusalWords(error ?? listed.error)}
        </p>
      )}
      {listed.more && (
        <Button busy={listed.loading === "loading"} onClick={listed.more}>
          {t("block.more")}
        </Button>
      )}
    </section>
  );
}
