import type { JSX } from "preact";
import { addressOf, query } from "../../shared/router.ts";
import { useTitle } from "../../shared/title.ts";
import { call } from "../api.ts";
import { FilterText } from "../FilterText.tsx";
import type { Found } from "../generated/api.ts";
import { now } from "../live.ts";
import { useLoaded } from "../loading.ts";
import { t, wordFor } from "../messages.ts";
import { SanctionWords } from "../Parts.tsx";
import { CaseLine } from "../queue/CaseLine.tsx";
import { rowShortcuts } from "../Rows.tsx";
import { useShortcuts } from "../shortcuts.ts";
import { Reading } from "../Trouble.tsx";
import { partiesOf } from "../words.ts";

/** All that there is of a user, decided or not; or the case or dispute of an id. */
export function Search(): JSX.Element {
  useTitle(t("title.search"));
  const wanted = query.value["q"] ?? "";
  useShortcuts(t("nav.search"), [
    ...rowShortcuts(),
    {
      keys: "/",
      label: t("search.focus"),
      run: () => document.querySelector<HTMLElement>("input[type=search]")?.focus(),
    },
  ]);
  return (
    <section class="list-page">
      <h1>{t("nav.search")}</h1>
      <search>
        <form class="filters" onSubmit={(event) => event.preventDefault()}>
          <FilterText name="q" label={t("search.label")} hint={t("search.hint")} />
        </form>
      </search>
      {wanted ? <Results key={wanted} q={wanted} /> : <p class="muted">{t("search.begin")}</p>}
    </section>
  );
}

function Results({ q }: { readonly q: string }): JSX.Element {
  const loaded = useLoaded<Found>(q, (signal) => call("GET /search", { query: { q }, signal }));
  const { value } = loaded;
  const count = value
    ? value.cases.length + value.sanctions.length + Number(!!value.case) + Number(!!value.dispute)
    : 0;
  return (
    <>
      <Reading of={loaded} />
      <p role="status">{value && t("search.found", { count })}</p>
      {value && (value.case || value.cases.length > 0) && (
        <section>
          <h2>{t("search.cases")}</h2>
          <ul class="lines">
            {[...(value.case ? [value.case] : []), ...value.cases].map((one) => (
              <li key={one.id}>
                <CaseLine case={one} now={now.value} />
              </li>
            ))}
          </ul>
        </section>
      )}
      {value?.dispute && (
        <section>
          <h2>{t("nav.disputes")}</h2>
          <a class="line" data-row href={addressOf("dispute", value.dispute.id)}>
            <strong>{wordFor("dispute.reason", value.dispute.reason)}</strong>
            <span>{partiesOf(value.dispute)}</span>
          </a>
        </section>
      )}
      {value && value.sanctions.length > 0 && (
        <section>
          <h2>{t("nav.sanctions")}</h2>
          <ul class="lines">
            {value.sanctions.map((one) => (
              <li key={one.id} class="line">
                <SanctionWords sanction={one} isLinked />
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}
