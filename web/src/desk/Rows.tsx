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
      <ul class="lines" aria-label={label} aria-busy={pages.isLoading}>
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

function rowShortcuts(): Shortcut[] {
  return [
    { keys: "j", label: t("shortcuts.next_row"), run: () => moveRow(1) },
    { keys: "k", label: t("shortcuts.previous_row"), run: () => moveRow(-1) },
  ];
}

/** Move the focus to the row after or before the present one, or to the first. */
function moveRow(step: number): void {
  const rows = [...document.querySelectorAll<HTMLElement>("[data-row]")];
  const present = rows.findIndex((row) => row.contains(document.activeElement));
  const next = present < 0 ? rows[0] : rows[present + step];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}
