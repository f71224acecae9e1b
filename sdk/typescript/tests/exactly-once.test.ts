/** Whatever happens to sockets, answers and pages: each command is carried out once, and in its place. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Client, MemoryStore } from "../src/index.ts";
import { newWorlds, type Socket, stored } from "./support/world.ts";

const here = newWorlds();

/** What a server may do with a command. */
const FATES = ["answer", "lose the answer", "lose it", "busy", "refuse", "silence"] as const;
type Fate = (typeof FATES)[number];

type Action =
  | { readonly do: "write"; readonly conversation: number }
  | { readonly do: "cut" | "restart" | "cancel" }
  | { readonly do: "pass"; readonly milliseconds: number };

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("write"), conversation: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("cut", "restart", "cancel") }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("pass"), milliseconds: fc.nat(15_000) }) },
) as fc.Arbitrary<Action>;

/** A server that stores each key once, and whose answers meet what a test says. */
class Server {
  /** Texts in the order in which they were stored, by conversation. */
  readonly texts = new Map<string, string[]>();
  readonly refused = new Set<string>();
  quiet = false;
  readonly #keys = new Set<string>();
  readonly #fates: readonly Fate[];
  #next = 0;

  constructor(fates: readonly Fate[]) {
    this.#fates = fates;
  }

  /** Does with a command what is its fate; null: nobody is told. */
  take(d: Readonly<Record<string, unknown>>): [op: number, answer: unknown] | null {
    const [key, text, conversation] = [d["idempotency_key"], d["text"], d["conversation"]].map(
      String,
    ) as [string, string, string];
    const fate = this.quiet ? "answer" : this.#fates[this.#next++ % this.#fates.length];
    const error = (code: string, retryable: boolean) => ({ code, message: code, retryable });
    if (fate === "lose it" || fate === "silence") return null;
    if (fate === "busy") return [4, error("UNAVAILABLE", true)];
    const texts = this.texts.get(conversation) ?? [];
    this.texts.set(conversation, texts);
    // What was stored is never refused: a repetition is answered as it was the first time.
    if (!this.#keys.has(key) && fate === "refuse") {
      this.refused.add(text);
      return [4, error("SANCTIONED", false)];
    }
    if (!this.#keys.has(key)) texts.push(text);
    this.#keys.add(key);
    this.refused.delete(text);
    return fate === "lose the answer" ? null : [8, stored(texts.length, { conversation })];
  }
}

/** Lets the server answer what the newest socket has sent. */
function serve(server: Server, served: Set<unknown>): void {
  const socket = here.now.sockets.at(-1);
  if (!socket?.open) return;
  if (socket.readyState === 0) socket.greet({ resumed: socket.cursor !== null });
  if (socket.sent.length === 0 && socket.cursor !== null)
    socket.say(13, { replayed: 0, complete: true, cur: "c1" });
  for (const packet of [...socket.sent]) {
    if (served.has(packet) || packet.op !== 7) continue;
    served.add(packet);
    const answer = server.take(packet.d);
    if (answer) socket.say(...answer, { re: packet.id });
  }
}

test("each command is carried out once and in order, however often a page or a socket ends", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { maxLength: 40 }),
      fc.array(fc.constantFrom(...FATES), { minLength: 1, maxLength: 20 }),
      async (actions, fates) => {
        for (const client of here.now.clients.splice(0)) await client.close();
        here.now.sockets.length = 0;
        const store = new MemoryStore();
        const server = new Server(fates);
        const served = new Set<unknown>();
        const written = new Map<string, string[]>();
        const cancelled = new Set<string>();
        let settledTwice = 0;
        let client: Client = await here.now.connect({ store });
        let count = 0;
        for (const one of actions) {
          if (one.do === "write") {
            const [conversation, text] = [`c${one.conversation}`, `text ${count++}`];
            written.set(conversation, [...(written.get(conversation) ?? []), text]);
            let times = 0;
            const note = () => {
              if (++times > 1) settledTwice++;
            };
            client.command(7, { conversation, text }).then(note, note);
          } else if (one.do === "cut") here.now.sockets.at(-1)?.end();
          else if (one.do === "restart") {
            await here.now.settle();
            await client.close();
            client = await here.now.connect({ store });
          } else if (one.do === "cancel") {
            const last = client.outbox.entries().at(-1);
            if (last && (await client.outbox.cancel(last.key)))
              cancelled.add(String(last.payload["text"]));
          } else if (one.do === "pass") await here.now.pass(one.milliseconds);
          await here.now.settle();
          serve(server, served);
        }
        server.quiet = true;
        for (let turn = 0; turn < 200; turn++) {
          if (client.outbox.entries().every(({ state }) => state === "failed")) break;
          serve(server, served);
          await here.now.pass(1_000);
        }
        const left = client.outbox.entries().map(({ payload }) => String(payload["text"]));
        expect(new Set(left)).toEqual(server.refused);
        for (const [conversation, texts] of written) {
          const wanted = texts.filter((text) => !server.refused.has(text) && !cancelled.has(text));
          expect(server.texts.get(conversation) ?? []).toEqual(wanted);
        }
        expect(settledTwice).toBe(0);
        await client.close();
        expect((await store.load('["ws://server/ws",""]')).entries).toHaveLength(left.length);
        expect(here.now.sockets.filter((socket: Socket) => socket.open)).toEqual([]);
      },
    ),
    { numRuns: 150 },
  );
}, 60_000);
