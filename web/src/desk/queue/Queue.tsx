import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import { Banner } from "../../shared/components/Banner.tsx";
import { Button } from "../../shared/components/Button.tsx";
import { query } from "../../shared/router.ts";
import { useTitle } from "../../shared/title.ts";
import { oneLine } from "../../shared/words.ts";
import { FilterChoice, FilterSwitch, setFilter } from "../filters.tsx";
import type { Case, CaseEvent } from "../generated/api.ts";
import { now, useHappenings } from "../live.ts";
import { usePages, useSoon } from "../loading.ts";
import { t, wordFor } from "../messages.ts";
import { say } from "../notice.ts";
import { Rows } from "../Rows.tsx";
import { useUser } from "../user.ts";
import { names } from "../words.ts";
import { CaseLine } from "./CaseLine.tsx";
import {
  ORDERS,
  queueQuery,
  REASONS,
  readQueue,
  SEVERITIES,
  STATES,
  withFocused,
} from "./filters.ts";

/** Cases to be decided, in the order in which they should be, as they stand at this moment. */
export function Queue(): JSX.Element {
  const user = useUser();
  useTitle(t("title.queue"));
  const name = JSON.stringify(queueQuery());
  const pages = usePages<Case>(name, (page, signal) => readQueue(page, user, signal));
  const shown = useFocusKept(pages.value);
  const reloadSoon = useSoon(pages.reload);
  useHappenings((happening) => {
    if (happening.kind === "dispute") return;
    if (happening.kind === "case") {
      const { event } = happening;
      const its = shown?.find(({ id }) => id === event.id);
      if (its && event.by && event.by !== user) say(told(event, its));
      pages.replace((cases) => cases.map((one) => changed(one, event)));
    }
    reloadSoon();
  });
  return (
    <section class="list-page">
      <h1>{t("nav.queue")}</h1>
      <Filters />
      {query.value["accused"] && (
        <Banner
          actions={<Button onClick={() => setFilter("accused", "")}>{t("filter.all")}</Button>}
        >
          {t("filter.accused", { accused: oneLine(query.value["accused"]) })}
        </Banner>
      )}
      <Rows
        label={t("queue.label")}
        of={{ ...pages, value: shown }}
        none={t("queue.none")}
        keyOf={({ id }) => id}
        row={(one) => <CaseLine case={one} now={now.value} />}
      />
    </section>
  );
}

function Filters(): JSX.Element {
  return (
    <form
      class="filters"
      aria-label={t("filter.label")}
      onSubmit={(event) => event.preventDefault()}
    >
      <FilterChoice
        name="state"
        label={t("filter.state")}
        options={[
          ["", t("filter.undecided")],
          ...STATES.map((one) => [one, wordFor("state", one)] as const),
        ]}
      />
      <FilterChoice
        name="severity"
        label={t("filter.severity")}
        options={[
          ["", t("filter.any_severity")],
          ...SEVERITIES.map((one) => [one, wordFor("severity", one)] as const),
        ]}
      />
      <FilterChoice
        name="reason"
        label={t("filter.reason")}
        options={[
          ["", t("filter.any_reason")],
          ...REASONS.map((one) => [one, wordFor("reason", one)] as const),
        ]}
      />
      <FilterChoice
        name="order"
        label={t("filter.order")}
        options={ORDERS.map((one) => [one === "due" ? "" : one, wordFor("order", one)] as const)}
      />
      <FilterSwitch name="mine" label={t("filter.mine")} />
    </form>
  );
}

/** The cases, and the one of before in which the focus is: it does not vanish from under a finger. */
function useFocusKept(cases: readonly Case[] | undefined): readonly Case[] | undefined {
  const before = useRef<readonly Case[]>([]);
  const focused = document.activeElement?.getAttribute("data-case");
  const kept = cases && withFocused(cases, before.current, focused ?? "");
  before.current = kept ?? [];
  return kept;
}

/** A case after what happened to it, unless it is known to be newer. */
function changed(one: Case, event: CaseEvent): Case {
  if (one.id !== event.id || one.version > event.version) return one;
  const { version, state, claimed_by, claim_until_time } = event;
  return { ...one, version, state, claimed_by, claim_until_time: claim_until_time ?? null };
}

function told(event: CaseEvent, one: Case): string {
  return t("queue.told", {
    what: wordFor("cause", event.cause),
    by: event.by,
    accused: names(one.accused),
  });
}
