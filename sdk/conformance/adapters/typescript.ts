/** The adapter of `@parley/client`, the library for TypeScript, in Node: docs/conformance.md. */

import { appendFileSync, closeSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import * as ops from "../../typescript/src/generated/packets.ts";
import {
  type Change,
  Client,
  type ClientOp,
  type Data,
  type Event,
  MemoryStore,
  type OutboxEntry,
  ParleyError,
  Rejected,
  type Store,
  type Stored,
} from "../../typescript/src/index.ts";
import { msgpack } from "../../typescript/src/msgpack.ts";

const PROTOCOL = 1;
const LOOK_MS = 10;
/** The methods that name a message by itself are those of any conversation. */
const ANY = "any";
const CAPABILITIES = [
  "messages",
  "changes",
  "read_marks",
  "deals",
  "disputes",
  "reports",
  "appeals",
  "blocks",
  "store",
  "outbox",
  "storage_failure",
  "msgpack",
];

/** Values that came from the run or from the server, read as far as they are known. */
// biome-ignore lint/suspicious/noExplicitAny: docs/conformance.md and docs/protocol.md are the types.
type Loose = any;

function emit(message: object): void {
  // Whole and at once, for the process may be killed after it.
  writeSync(1, `${JSON.stringify(message)}\n`);
}

/** A store in a file, to which every change is appended. What a browser has in IndexedDB. */
class FileStore implements Store {
  readonly #path: string;
  readonly #memory = new MemoryStore();
  #read = false;

  constructor(path: string) {
    this.#path = path;
  }

  async load(namespace: string): Promise<Stored> {
    if (!this.#read) {
      for (const line of this.#lines()) {
        const [place, change] = JSON.parse(line) as [string, Change];
        await this.#memory.save(place, change);
      }
      this.#read = true;
    }
    return this.#memory.load(namespace);
  }

  async save(namespace: string, change: Change): Promise<boolean> {
    const done = await this.#memory.save(namespace, change);
    if (done === false) return false;
    appendFileSync(this.#path, `${JSON.stringify([namespace, change])}\n`);
    const file = openSync(this.#path, "r");
    fsyncSync(file);
    closeSync(file);
    return true;
  }

  #lines(): string[] {
    try {
      // The last one may be half written, by a process that was killed.
      return readFileSync(this.#path, "utf8").split("\n").slice(0, -1);
    } catch (error) {
      if ((error as { code?: string }).code === "ENOENT") return [];
      throw error;
    }
  }
}

let requests = 0;
const tokens = new Map<number, (answer: Loose) => void>();

function getToken(reason: string): Promise<string | null> {
  requests += 1;
  const request = requests;
  emit({ event: "token", request, reason });
  return new Promise((resolve, reject) => {
    tokens.set(request, ({ token, error }: Loose) => {
      tokens.delete(request);
      if (error === undefined) resolve(token);
      else reject(new Error(error));
    });
  });
}

let opened: Client | undefined;

function client(): Client {
  if (!opened) throw new Error("no client is open");
  return opened;
}

/** The options of the library, for those of the protocol: `answer_timeout_ms` is `answerTimeout`. */
function optionsOf(given: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [
      name.replace(/_ms$/, "").replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
      value,
    ]),
  );
}

const keyed = (key: string | undefined): { key?: string } => (key === undefined ? {} : { key });

const HANDLERS: Readonly<Record<string, (given: Loose) => Loose>> = {
  hello({ protocol }) {
    if (protocol !== PROTOCOL) throw new Error(`version ${protocol} is not spoken here`);
    return {
      name: "@parley/client",
      version: "0.1.0",
      protocol: PROTOCOL,
      capabilities: CAPABILITIES,
    };
  },
  open({ url, user, store, options, subprotocol }) {
    opened = new Client({
      url,
      user,
      token: getToken,
      ...(store === undefined ? {} : { store: new FileStore(join(store, "client.jsonl")) }),
      ...(subprotocol === msgpack.subprotocol ? { codec: msgpack } : {}),
      ...optionsOf(options),
    });
    opened.on(tell);
    opened.connect();
    return {};
  },
  connect() {
    client().connect();
    return {};
  },
  async close() {
    await client().close();
    return {};
  },
  state() {
    return { state: client().state };
  },
  async send({ conversation, to, subject, text, key }) {
    const place =
      conversation === undefined
        ? client().conversationWith(to, subject === undefined ? {} : { subject })
        : client().conversation(conversation);
    return { ...(await place.send(text, keyed(key))) };
  },
  edit({ message, text }) {
    return client().conversation(ANY).edit(message, text);
  },
  delete({ message }) {
    return client().conversation(ANY).delete(message);
  },
  report({ conversation = ANY, message, ...options }) {
    const place = client().conversation(conversation);
    return message === undefined ? place.report(options) : place.reportMessage(message, options);
  },
  appeal({ decision, text }) {
    return client().appeal(decision, text);
  },
  block({ user, blocked }) {
    return blocked ? client().block(user) : client().unblock(user);
  },
  propose({ conversation, ...proposal }) {
    return client().conversation(conversation).propose(proposal);
  },
  price({ service, price }) {
    const deal = client().deal(service);
    const live: Loose = deal.current?.offer ?? deal.current?.amendment;
    if (!live) return deal.proposeAmendment(price);
    return live.by === client().user ? deal.revise(live, price) : deal.counter(live, price);
  },
  accept({ service, offer }) {
    return client()
      .deal(service)
      .accept({ ...offer, service });
  },
  end({ service, outcome, offer }) {
    const deal = client().deal(service);
    const shown = { ...offer, service };
    return outcome === "declined" ? deal.decline(shown) : deal.withdraw(shown);
  },
  terminate({ service, outcome, ...options }) {
    const deal = client().deal(service);
    if (outcome === "delivered") return deal.deliver(options);
    if (outcome === "completed") return deal.complete(options);
    if (outcome === "reopened") return deal.reopen(options);
    const asked = deal.current?.cancellation !== undefined;
    return asked ? deal.confirmCancellation(options) : deal.requestCancellation(options);
  },
  note({ service, score, ...options }) {
    return client().deal(service).submitNote(score, options);
  },
  dispute({ service, ...options }) {
    return client().deal(service).openDispute(options);
  },
  statement({ dispute, text }) {
    return client().dispute(dispute).state(text);
  },
  opened(given) {
    return client().ask(ops.OPENED_CONVERSATION, given);
  },
  outbox() {
    return { entries: client().outbox.entries().map(entryOf) };
  },
  async cancel({ key }) {
    return { cancelled: await client().outbox.cancel(key) };
  },
  async load() {
    for await (const { conversations } of pages(ops.ASK_CONVERSATIONS))
      for (const { conversation } of conversations) await loadMessages(conversation);
    for (const op of [ops.ASK_SERVICES, ops.ASK_DISPUTES, ops.ASK_BLOCKS] as const)
      for await (const _ of pages(op));
    return {};
  },
  view,
};

async function* pages(op: ClientOp): AsyncGenerator<Loose> {
  let page: string | undefined;
  do {
    const asked = page === undefined ? { limit: 3 } : { limit: 3, page };
    const answer: Loose = await client().ask(op, asked as never);
    yield answer;
    page = answer.next;
  } while (page !== undefined);
}

async function loadMessages(conversation: string): Promise<void> {
  let after = 0;
  for (let more = true; more; ) {
    const answer: Loose = await client().ask(ops.ASK_MESSAGES, { conversation, after, limit: 20 });
    after = answer.messages.at(-1)?.seq ?? after;
    more = answer.more;
  }
}

function messageOf({ seq, sender, text, tombstone }: Loose): Data {
  return { seq, sender, text: text ?? null, tombstone: tombstone ?? null };
}

/** All that the client knows. */
function view(): Data {
  const { objects } = client();
  const conversations: Record<string, { messages: Loose[] }> = {};
  for (const { key } of objects.all("conversation")) conversations[key[0] ?? ""] = { messages: [] };
  for (const { key, content } of objects.all("message") as Loose[])
    if (content.sender !== undefined) {
      conversations[content.conversation] ??= { messages: [] };
      conversations[content.conversation]?.messages.push({
        message: key[0],
        ...messageOf(content),
      });
    }
  for (const { messages } of Object.values(conversations)) messages.sort((a, b) => a.seq - b.seq);
  const shown = (kind: "service" | "dispute", of: (content: Loose) => Data) =>
    Object.fromEntries(
      objects.all(kind).map(({ key, version, content }) => [key[0], { version, ...of(content) }]),
    );
  return {
    conversations,
    deals: shown("service", ({ state, offer }) => ({ state, offer })),
    disputes: shown("dispute", ({ state }) => ({ state })),
    blocks: objects
      .all("block")
      .filter(({ content }) => content["blocked"])
      .map(({ key }) => key[0]),
  };
}

function entryOf({ key, state, payload, ...rest }: OutboxEntry | Loose): Data {
  const told = { key, state, durable: rest.durable ?? null };
  return typeof payload.text === "string" ? { ...told, text: payload.text } : told;
}

function reasonOf(error: ParleyError | undefined): string | null {
  if (!error) return null;
  return error.name === "Banned" ? error.code.toLowerCase() : error.name;
}

function tell(event: Event): void {
  switch (event.type) {
    case "state":
      emit({ event: "state", state: event.state, reason: reasonOf(event.reason) });
      break;
    case "reset":
      emit({ event: "reset" });
      break;
    case "error":
      emit({ event: "error", ...described(event.error) });
      break;
    case "outbox":
      if (event.state === "queued") void tellWhenKept(event.key);
      else emit({ event: "outbox", ...entryOf(event.entry), state: event.state });
      break;
    case "message": {
      const { conversation, message } = event.message;
      emit({ event: "message", conversation, message, ...messageOf(event.message) });
      break;
    }
    case "messageChanged": {
      const { conversation, message, seq, change, data } = event;
      const tombstone = change === "deleted" || change === "removed" ? change : null;
      emit({ event: "changed", conversation, message, seq, text: data.text ?? null, tombstone });
      break;
    }
    case "deal": {
      const { service, version, state } = event.service;
      emit({ event: "deal", service, version, state, cause: event.cause });
      break;
    }
    case "dispute": {
      const { dispute, version, state } = event.dispute;
      emit({ event: "dispute", dispute, version, state, cause: event.cause });
      break;
    }
    case "sanction": {
      const { kind, decision, lifted = false } = event.sanction;
      emit({ event: "sanction", kind, decision, lifted });
      break;
    }
  }
}

/** Tells that a command is queued once it outlasts the process. Nothing tells of that, so it is looked for. */
async function tellWhenKept(key: string): Promise<void> {
  for (;;) {
    const entry = client()
      .outbox.entries()
      .find((one) => one.key === key);
    if (!entry) return;
    if (entry.durable) {
      emit({ event: "outbox", ...entryOf(entry), state: "queued" });
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** An error as the protocol tells it. */
function described(error: unknown): Data {
  const { name, message } = error as Error;
  const told = { type: error instanceof ParleyError ? name : "Error", message };
  if (!(error instanceof Rejected)) return told;
  const { code, reason = null, current = null } = error;
  return { ...told, code, reason, current };
}

async function take(line: string): Promise<void> {
  const { id, do: name, ...given } = JSON.parse(line);
  if (name === "token") {
    tokens.get(given.request)?.(given);
    return;
  }
  try {
    const handler = HANDLERS[name];
    if (!handler) throw new Error(`${name} is no command`);
    emit({ re: id, ok: await handler(given) });
  } catch (error) {
    emit({ re: id, error: described(error) });
  }
}

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => void take(line));
lines.on("close", () => process.exit(0));
