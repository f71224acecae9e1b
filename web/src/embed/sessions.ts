/** The clients of the page: one for each person and server, however many elements show it. */

import { Client } from "@parley/client";
import { HttpClient } from "@parley/client/http";
import { IndexedDbStore } from "@parley/client/storage/indexeddb";
import { MAXIMUM_ROWS } from "../people/limits.ts";
import { type Session, storageProblem } from "../people/session.ts";
import { forget, ownerOf } from "../people/shown.ts";
import type { GetToken } from "./declared.d.ts";
import type { First } from "./tokens.ts";

/** An element that shows a session. */
export interface Holder {
  readonly getToken: GetToken;
  /** Begins anew, as the session is over. */
  restart(): void;
}

interface Shared {
  readonly session: Session;
  readonly holders: Set<Holder>;
}

const open = new Map<string, Shared>();

/** Give the session of a person of a server, until `leave` is called for the same holder. */
export function enter(server: string, first: First, holder: Holder): Session {
  const owner = ownerOf(server, first.user);
  let shared = open.get(owner);
  if (!shared) {
    shared = begin(server, owner, first, holder);
    open.set(owner, shared);
  }
  shared.holders.add(holder);
  shared.session.client.retain();
  return shared.session;
}

/** End what `enter` began. The client is closed a moment after its last holder has gone. */
export function leave(session: Session, holder: Holder): void {
  open.get(ownerOf(session.server, session.user))?.holders.delete(holder);
  session.client.release();
}

/** Close all clients, forget what was shown, and have all elements ask whose page it is now. */
export async function signOut(): Promise<void> {
  await Promise.all([...open.keys()].map(end));
}

function begin(server: string, owner: string, { token, user }: First, holder: Holder): Shared {
  const holders = new Set<Holder>();
  let known: string | undefined = token;
  let latest = holder.getToken;
  const getToken: GetToken = (reason, signal) => {
    // Of an element that is still there.
    latest = [...holders].at(-1)?.getToken ?? latest;
    return latest(reason, signal);
  };
  const client = new Client({
    url: server,
    user,
    store: new IndexedDbStore(),
    maxMessages: MAXIMUM_ROWS,
    token: (reason, signal) => {
      // The first one was just given.
      const first = known;
      known = undefined;
      return first !== undefined && reason === "connect" ? first : getToken(reason, signal);
    },
  });
  client.on((event) => {
    if (event.type === "error" && event.error.name === "StorageError")
      storageProblem.value = event.error;
  });
  const { connection } = client;
  connection.subscribe(() => {
    if (client.state === "closed" && open.get(owner)?.session.client === client) open.delete(owner);
  });
  const session: Session = {
    client,
    http: new HttpClient({ url: server, token: getToken }),
    user,
    config: {},
    byLink: false,
    server,
    leave: () => end(owner),
  };
  return { session, holders };
}

async function end(owner: string): Promise<void> {
  const shared = open.get(owner);
  if (!shared) return;
  open.delete(owner);
  const holders = [...shared.holders];
  await shared.session.client.close();
  // Where storage is denied there is nothing to forget.
  await forget(owner).catch(() => {});
  for (const holder of holders) holder.restart();
}
