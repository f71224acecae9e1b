// A page with a client, for tests: what it is told goes to the functions that the test has put there.
import { Client } from "./index.js";
import { IndexedDbStore } from "./storage/indexeddb.js";

const [PING, CREATE_MSG] = [1, 7];

/** What can be cloned of a value that the library gives; errors are told by name and code. */
function plain(value) {
  return JSON.parse(
    JSON.stringify(value, (_, inner) =>
      inner instanceof Error
        ? { name: inner.name, code: inner.code, message: inner.message }
        : inner,
    ),
  );
}

/** A store that tells when it was read, and of each entry when it has it. */
class TellingStore extends IndexedDbStore {
  async load(namespace) {
    const stored = await super.load(namespace);
    globalThis.tellEvent({ type: "read" });
    return stored;
  }

  async save(namespace, change) {
    const made = await super.save(namespace, change);
    if (made)
      for (const { key, state } of change.put ?? [])
        globalThis.tellEvent({ type: "stored", key, state });
    return made;
  }
}

let client;

/** Makes a client of `user` that tells all its events, and connects it. */
function start(url, user, { storage = {}, ...options } = {}) {
  client = new Client({
    url,
    user,
    token: (reason) => globalThis.giveToken(user, reason),
    store: new TellingStore(storage),
    observe: (_, { op }) => op === PING && globalThis.tellEvent({ type: "ping" }),
    ...options,
  });
  client.on((event) => globalThis.tellEvent(plain(event)));
  client.connect();
}

/** Has the client send a text; what becomes of it is told as an event of its own. */
function send(to, text) {
  const key = crypto.randomUUID();
  client.command(CREATE_MSG, { to, text }, { key }).then(
    (answer) => globalThis.tellEvent({ type: "resolved", key, answer: plain(answer) }),
    (error) => globalThis.tellEvent({ type: "rejected", key, error: plain(error) }),
  );
  return key;
}

/** Has a client in a worker do what a message says; what it answers is told as events. */
function startWorker(told) {
  const worker = new Worker("worker.js", { type: "module" });
  worker.onmessage = ({ data }) => globalThis.tellEvent(data);
  worker.postMessage(told);
}

globalThis.page = {
  startWorker,
  start,
  send,
  state: () => client.state,
  entries: async () => plain(await client.outbox.entries()),
  cancel: (key) => client.outbox.cancel(key),
  connect: () => client.connect(),
  close: () => client.close(),
};
globalThis.tellEvent({ type: "loaded" });
