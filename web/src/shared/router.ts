/** The address within an app: the path behind `#`, so that any static host can serve it. */

import { signal } from "@preact/signals";

/** The parts of the path, decoded: `#/c/1%2F2` is ["c", "1/2"]. */
export type Path = readonly string[];

/** Read the path of an address's fragment. */
export function pathOf(hash: string): Path {
  const parts = hash.replace(/^#\/?/, "").split("/").filter(Boolean);
  try {
    return parts.map(decodeURIComponent);
  } catch {
    // Somebody has typed it.
    return [];
  }
}

/** Write the address of a path, for links. */
export function addressOf(...path: Path): string {
  return `#/${path.map(encodeURIComponent).join("/")}`;
}

/** Where the app is; components that read it render anew when it changes. */
export const path = signal<Path>(pathOf(location.hash));

/** Go somewhere; `replace` leaves no step back to the present place. */
export function go(to: Path, options: { replace?: boolean } = {}): void {
  const address = addressOf(...to);
  if (options.replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  path.value = to;
}

addEventListener("hashchange", () => {
  path.value = pathOf(location.hash);
});
addEventListener("popstate", () => {
  path.value = pathOf(location.hash);
});
