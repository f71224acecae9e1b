/** Who is signed in, and how: by a link that holds a token, or by the marketplace's own session. */

import { path, pathOf } from "../shared/router.ts";
import { recall, remember } from "../shared/settings.ts";

/** What `config.json` beside the page says; each field may be missing. */
export interface Config {
  /** The address of the socket; `/ws` of the page's own host without it. */
  readonly url?: string;
  /** Where the marketplace gives a token to whoever is signed in there. */
  readonly token_url?: string;
  /** The marketplace's page on which one signs in. */
  readonly sign_in_url?: string;
}

const LINK = /^#token=([^&]+)/;
const KEPT = "parley.token";
const CONFIG = "config";
// Where the browser denies storage.
let inMemory: string | undefined;

/** Take the token out of the address, in which nobody is to see or copy it. Undefined if it has none. */
export function takeToken(): string | undefined {
  const token = LINK.exec(location.hash)?.[1];
  if (!token) return undefined;
  history.replaceState(null, "", location.pathname + location.search);
  path.value = pathOf(location.hash);
  // A broken link takes nobody's session.
  if (userOf(token)) keepToken(token);
  return token;
}

/** Give the token of a link that was opened in this tab. */
export function keptToken(): string | undefined {
  try {
    return sessionStorage.getItem(KEPT) ?? inMemory;
  } catch {
    // The browser denies storage: the link has to be opened again after the page was loaded anew.
    return inMemory;
  }
}

/** Keep the token for as long as the tab is there, or forget it. */
export function keepToken(token: string | undefined): void {
  inMemory = token;
  try {
    if (token === undefined) sessionStorage.removeItem(KEPT);
    else sessionStorage.setItem(KEPT, token);
  } catch {
    // Denied or full: `inMemory` has it.
  }
}

/** Read the user of a token, which the server alone can check. Undefined if it is none. */
export function userOf(token: string): string | undefined {
  try {
    const payload = token.split(".")[1]?.replace(/-/g, "+").replace(/_/g, "/") ?? "";
    const bytes = Uint8Array.from(atob(payload), (one) => one.charCodeAt(0));
    const { sub } = JSON.parse(new TextDecoder().decode(bytes)) as { sub?: unknown };
    return typeof sub === "string" && sub ? sub : undefined;
  } catch {
    // No token at all: the page says that the link is broken.
    return undefined;
  }
}

/** Read `config.json`; a host that has none serves people who come by links. */
export async function readConfig(): Promise<Config> {
  try {
    const answer = await fetch("./config.json", { cache: "no-cache" });
    if (!answer.ok) return {};
    const said: unknown = await answer.json();
    if (typeof said !== "object" || !said) return {};
    remember(CONFIG, JSON.stringify(said));
    return said;
  } catch {
    // No network, or a host that answers every path with a page.
    return keptConfig();
  }
}

/** Give the `config.json` of before. */
function keptConfig(): Config {
  try {
    return JSON.parse(recall(CONFIG) ?? "{}") as Config;
  } catch {
    // Somebody else on this origin has written over it.
    return {};
  }
}

/** Give the address of the socket; undefined when the configuration names none. */
export function socketAddress({ url: said = "/ws" }: Config): string | undefined {
  if (!URL.canParse(said, location.href)) return undefined;
  const url = new URL(said, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  return /^wss?:$/.test(url.protocol) ? url.href : undefined;
}

/** Fetch a token from the marketplace; null when nobody is signed in there. Rejects when it does not answer. */
export async function fetchToken(address: string, signal?: AbortSignal): Promise<string | null> {
  const answer = await fetch(address, {
    method: "POST",
    credentials: "include",
    headers: { Accept: "application/json" },
    ...(signal && { signal }),
  });
  if (answer.status === 401) return null;
  if (!answer.ok) throw new Error(`the address of tokens answers ${answer.status}`);
  const { token } = (await answer.json()) as { token?: unknown };
  if (typeof token !== "string") throw new Error("the address of tokens gives no token");
  return token;
}
