import type { JSX } from "preact";
import { Button } from "../../shared/components/Button.tsx";
import { usePages } from "../lists/pages.ts";
import { appealsOf, useTold } from "../lists/told.ts";
import { t } from "../messages.ts";
import { AppealStatus } from "./AppealPart.tsx";

/** The appeals of this user, but for those that are `shown` beside the decision that they are against. */
export function Appeals({
  shown,
}: {
  readonly shown: ReadonlySet<string | undefined>;
}): JSX.Element | null {
  const client = useTold();
  const listed = usePages(() => client.appeals());
  const appeals = appealsOf(client, listed.items).filter(({ decision }) => !shown.has(decision));
  if (!appeals.length) return null;
  return (
    <section aria-labelledby="appeals">
      <h2 id="appeals">{t("appeal.title")}</h2>
      <ul class="cards">
        {appeals.map((one) => (
          <li key={one.appeal} class="card">
            <AppealStatus appeal={one} isNew={false} />
          </li>
        ))}
      </ul>
      {listed.more && <Button onClick={listed.more}>{t("report.more")}</Button>}
    </section>
  );
}
