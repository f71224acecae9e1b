/** The client of whoever is signed in, for all screens. */

import { Client, type ParleyError } from "@parley/client";
import { HttpClient } from "@parley/client/http";
import { IndexedDbStore } from "@parley/client/storage/indexeddb";
import { signal } from "@preact/signals";
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { recall, remember } from "../shared/settings.ts";
import { refusals } from "./forms/refused.ts";
import { MAXIMUM_ROWS } from "./limits.ts";
import { notify } from "./notifications.ts";
import { forget, ownerOf } from "./shown.ts";
import {
  type Config,
  fetchToken,
  keepToken,
  keptToken,
  readConfig,
  socketAddress,
  takeToken,
  userOf,
} from "./sign-in.ts";

/** Somebody who is signed in. */
export interface Session {
  readonly client: Client;
  /** For as long as the server lets this user into no socket. */
  readonly http: HttpClient;
  readonly user: string;
  readonly config: Config;
  /** Whether a link signed in; otherwise the marketplace did. */
  readonly byLink: boolean;
  /** The address of the socket: what the browser keeps belongs to a person of this server. */
  readonly server: string;
  /** Sign out here. What waits in the outbox stays until they come back. */
  readonly leave: () => Promise<void>;
}

/** Why nobody is signed in: the page says what to do. */
export type SignInProblem =
  | "no link"
  | "broken link"
  | "signed out"
  | "unreachable"
  | "broken configuration";

/** How far signing in has come. */
export type SignIn =
  | { readonly state: "starting" }
  | { readonly state: "problem"; readonly problem: SignInProblem; readonly config: Config }
  | { readonly state: "signed in"; readonly session: Session };

export const signIn = signal<SignIn>({ state: "starting" });

/** Why the browser does not store what is written, if so. */
export const storageProblem = signal<ParleyError | undefined>(undefined);

const SessionContext = createContext<Session | undefined>(undefined);

export const SessionProvider = SessionContext.Provider;

/** Give the session: screens are shown only while there is one. */
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("nobody is signed in");
  return session;
}

/** Sign in, by the link that was opened or by the marketplace's session; `signIn` says how it went. */
export async function start(): Promise<void> {
  const fromLink = takeToken();
  const config = await readConfig();
  const token = fromLink ?? keptToken();
  if (token !== undefined) {
    const user = userOf(token);
    if (user) open(user, token, config);
    else fail("broken link", config);
    return;
  }
  if (!config.token_url) {
    fail("no link", config);
    return;
  }
  const address = config.token_url;
  // Without a network the person of before can read what is here, and write.
  const before = recall("user");
  try {
    const first = await fetchToken(address);
    const user = first === null ? undefined : userOf(first);
    if (user) {
      remember("user", user);
      open(user, (_reason, signal) => fetchToken(address, signal), config);
    } else {
      remember("user", undefined);
      fail("signed out", config);
    }
  } catch {
    // The marketplace does not answer; the client goes on asking.
    if (before) open(before, (_reason, signal) => fetchToken(address, signal), config);
    else fail("unreachable", config);
  }
}

/** Forget who is signed in in this tab, and what they were shown. */
async function signOut(): Promise<void> {
  const { value } = signIn;
  keepToken(undefined);
  remember("user", undefined);
  if (value.state !== "signed in") return;
  await value.session.client.close();
  // Where storage is denied there is nothing to forget.
  await forget(ownerOf(value.session.server, value.session.user)).catch(() => {});
  fail(value.session.byLink ? "no link" : "signed out", value.session.config);
}

/** Sign in anew when a link is opened in a tab that shows the app already. */
export function followLinks(): void {
  addEventListener("hashchange", () => {
    if (location.hash.startsWith("#token=")) {
      const { value } = signIn;
      const closed = value.state === "signed in" ? value.session.client.close() : undefined;
      signIn.value = { state: "starting" };
      void Promise.resolve(closed).then(start);
    }
  });
}

function fail(problem: SignInProblem, config: Config): void {
  signIn.value = { state: "problem", problem, config };
}

function open(
  user: string,
  token: ConstructorParameters<typeof Client>[0]["token"],
  config: Config,
): void {
  const url = socketAddress(config);
  if (!url) {
    fail("broken configuration", config);
    return;
  }
  const store = new IndexedDbStore();
  const client = new Client({ url, token, user, store, maxMessages: MAXIMUM_ROWS });
  client.on((event) => {
    if (event.type === "error" && event.error.name === "StorageError") {
      storageProblem.value = event.error;
    }
  });
  notify(client);
  // Also of conversations that nobody looks at.
  refusals(client);
  client.connect();
  const session: Session = {
    client,
    http: new HttpClient({ url, token }),
    user,
    config,
    byLink: typeof token === "string",
    server: url,
    leave: signOut,
  };
  signIn.value = { state: "signed in", session };
}
