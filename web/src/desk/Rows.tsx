import type { ComponentChildren, JSX } from "preact";
import { Button } from "../shared/components/Button.tsx";
import type { Pages } from "./loading.ts";
import { t } from "./messages.ts";
import { type Shortcut, useShortcuts } from "./shortcuts.ts";
import { Reading } from "./Trouble.tsx";

interface Props<Item> {
  readonly label: string;
  readonly of: Pages<Item>;
  readonly none: string;
  readonly keyOf: (item: Item) => string;
  readonly row: (item: Item) => ComponentChildren;
}

/** A list by pages, through which "j" and "k" go. Of each row one element bears `data-row`. */
export function Rows<Item>({ label, of: pages, none, keyOf, row }: Props<Item>): JSX.Element {
  useShortcuts(label, rowShortcuts());
  const items = pages.value;
  return (
    <>
      <Reading of={pages} />
      {items?.length === 0 && <p class="muted">{none}</p>}
      <ul class="lines" aria-label={label} aria-busy={pages.isLoading} onFocusIn={noteRow}>
        {items?.map((item) => (
          <li key={keyOf(item)}>{row(item)}</li>
        ))}
      </ul>
      {pages.hasMore && (
        <Button busy={pages.isLoading} onClick={pages.more}>
          {t("list.more")}
        </Button>
      )}
    </>
  );
}

// To which one comes back from what it leads to.
let lastRow: string | null = null;

/** Note in which row of a list the focus is. */
export function noteRow({ target }: FocusEvent): void {
  const row = target instanceof Element ? target.closest("[data-row]") : null;
  lastRow = row?.getAttribute("href") ?? null;
}

/** The short cuts that go through rows. */
export function rowShortcuts(): Shortcut[] {
  return [
    { keys: "j", label: t("shortcuts.next_row"), run: () => moveRow(1) },
    { keys: "k", label: t("shortcuts.previous_row"), run: () => moveRow(-1) },
  ];
}

/** Move the focus to the row after or before the present one, or back to the last, or to the first. */
function moveRow(step: number): void {
  const rows = [...document.querySelectorAll<HTMLElement>("[data-row]")];
  const present = rows.findIndex((row) => row.contains(document.activeElement));
  const last = rows.find((row) => lastRow !== null && row.getAttribute("href") === lastRow);
  const next = present < 0 ? (last ?? rows[0]) : rows[present + step];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}
