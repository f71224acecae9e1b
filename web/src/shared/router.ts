/** The address within an app: the path and the query behind `#`, so that any static host can serve it. */

import { batch, signal } from "@preact/signals";
import { createContext } from "preact";
import { useContext } from "preact/hooks";

/** The parts of the path, decoded: `#/c/1%2F2` is ["c", "1/2"]. */
export type Path = readonly string[];

/** What follows the path, as filters of a list do: `#/cases?state=open` is {state: "open"}. */
export type Query = Readonly<Record<string, string>>;

/** Read the path of an address's fragment. */
export function pathOf(hash: string): Path {
  const parts = hash
    .replace(/^#\/?|\?.*$/gs, "")
    .split("/")
    .filter(Boolean);
  try {
    return parts.map(decodeURIComponent);
  } catch {
    // Somebody has typed it.
    return [];
  }
}

/** Read the query of an address's fragment. */
export function queryOf(hash: string): Query {
  const mark = hash.indexOf("?");
  return mark < 0 ? {} : Object.fromEntries(new URLSearchParams(hash.slice(mark + 1)));
}

/** Write the address of a path, for links. */
export function addressOf(...path: Path): string {
  return `#/${path.map(encodeURIComponent).join("/")}`;
}

/** Write the address of a path with a query, of which what is empty is left out. */
export function addressWith(path: Path, query: Query): string {
  const said = new URLSearchParams(Object.entries(query).filter(([, value]) => value)).toString();
  return said ? `${addressOf(...path)}?${said}` : addressOf(...path);
}

/** Where the app is; components that read it render anew when it changes. */
export const path = signal<Path>(pathOf(location.hash));

/** The query beside it. */
export const query = signal<Query>(queryOf(location.hash));

/** Grows with each step to another place, and not when a place gets another address. */
export const step = signal(0);

/** Go somewhere; `replace` leaves no step back to the present place. */
export function go(to: Path, options: { replace?: boolean; query?: Query } = {}): void {
  const address = addressWith(to, options.query ?? {});
  if (options.replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  read(options.replace);
}

let before = location.hash;

function read(isSame = false): void {
  batch(() => {
    // One step may be told of twice.
    if (!isSame && location.hash !== before) step.value += 1;
    before = location.hash;
    path.value = pathOf(location.hash);
    query.value = queryOf(location.hash);
  });
}

addEventListener("hashchange", () => read());
addEventListener("popstate", () => read());

/** Goes somewhere, as `go` does. */
export type Go = typeof go;

const GoContext = createContext<Go>(go);

/** Lets screens go elsewhere than by the address of the page, as in the page of somebody else. */
export const GoProvider = GoContext.Provider;

/** Give the function with which a screen goes somewhere. */
export function useGo(): Go {
  return useContext(GoContext);
}
