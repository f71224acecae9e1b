import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { Path } from "../../shared/router.ts";
import { useTitle } from "../../shared/title.ts";
import { now, useHappenings } from "../live.ts";
import { useLoaded, useSoon } from "../loading.ts";
import { t } from "../messages.ts";
import { Reading } from "../Trouble.tsx";
import { CaseBody } from "./CaseBody.tsx";
import { readCase } from "./reading.ts";

/** A case with all that is known of it, as it stands at this moment, and its decision. */
export function CaseScreen({ path }: { readonly path: Path }): JSX.Element {
  const id = path[0] ?? "";
  return <OneCase key={id} id={id} />;
}

function OneCase({ id }: { readonly id: string }): JSX.Element {
  const loaded = useLoaded(id, (signal) => readCase(id, signal));
  const { value, reload } = loaded;
  const reloadSoon = useSoon(reload);
  useTitle(t("title.case"));
  useHappenings((happening) => {
    const isIts = happening.kind === "case" && happening.event.id === id;
    if (isIts || happening.kind === "reset") reloadSoon();
  });
  const until = value?.case.claim_until_time;
  useEffect(() => {
    if (!until) return undefined;
    // Nobody tells of a claim that lapses.
    const left = new Date(until).getTime() - Date.now();
    const timer = setTimeout(reload, Math.max(left, 0) + 500);
    return () => clearTimeout(timer);
  }, [until]);
  return (
    <article class="case">
      <Reading of={loaded} />
      {value && <CaseBody file={value} now={now.value} onChanged={reload} />}
    </article>
  );
}
