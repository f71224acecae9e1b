/** Which steps of a deal are sent: what is known of it may be old. */

import { expect, test } from "vitest";
import type { State } from "../../src/connection/machine.ts";
import * as ops from "../../src/generated/packets.ts";
import {
  ActionNotAllowed,
  type AnswerTo,
  Client,
  type PayloadOf,
  type ShownOffer,
} from "../../src/index.ts";
import type { ClientOp } from "../../src/protocol.ts";

const at = "2026-01-01T00:00:00.000Z";
const price = { amount_minor: 100, currency: "EUR" };
const offer = (number: number) => ({ number, price, by: "bob", created_at: at });

function service(version: number, allowed_actions: string[], number = 1) {
  const parties = { conversation: "c", provider: "bob", client: "ann", created_at: at };
  const terms = { title: "Roof", state: "offered", currency: "EUR", exponent: 2, deadlines: {} };
  return { ...parties, ...terms, service: "s", version, allowed_actions, offer: offer(number) };
}

/** A client without a server; asked how the deal stands, it says `next`. */
class Scripted extends Client {
  readonly sent: ClientOp[] = [];
  next = service(1, []);
  stateNow: State = "live";

  constructor(allowed_actions: string[]) {
    super({ url: "ws://127.0.0.1:1/ws", token: "token", user: "ann" });
    this.show(service(1, allowed_actions));
  }

  override get state(): State {
    return this.stateNow;
  }

  show(shown: object, dispute?: object): void {
    this.take({
      op: ops.UPDATE_CONVERSATION_DATAS,
      d: { conversation: "c", cause: "asked", service: shown, dispute },
    });
  }

  tellSanction(): void {
    const statement = { kind: "muted", scope: "account", start: at, facts: "", ground: "terms" };
    const sanction = { sanction: "x", kind: "muted", decision: "d", appealable: true, version: 1 };
    this.take({ op: ops.SANCTION, d: { ...sanction, statement } });
  }

  override async command<Op extends ClientOp>(op: Op, _: PayloadOf<Op>): Promise<AnswerTo<Op>> {
    this.sent.push(op);
    return { service: this.next } as unknown as AnswerTo<Op>;
  }

  override async ask<Op extends ClientOp>(op: Op, _: PayloadOf<Op>): Promise<AnswerTo<Op>> {
    this.sent.push(op);
    if (op === ops.ASK_SERVICE) this.show(this.next);
    return { services: [], disputes: [] } as unknown as AnswerTo<Op>;
  }
}

test("a step that is allowed is sent at once", async () => {
  const client = new Scripted(["deliver"]);
  await client.deal("s").deliver();
  expect(client.sent).toEqual([ops.SERVICE_TERMINATED]);
});

test("a step that seems not to be allowed is asked for anew, and sent if it is by now", async () => {
  const client = new Scripted([]);
  client.next = service(2, ["deliver"]);
  await client.deal("s").deliver();
  expect(client.sent).toEqual([ops.ASK_SERVICE, ops.SERVICE_TERMINATED]);
});

test("a step that is still not allowed is not sent", async () => {
  const client = new Scripted([]);
  client.next = service(2, ["complete"]);
  const refused = await client
    .deal("s")
    .deliver()
    .catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(ActionNotAllowed);
  expect(refused).toMatchObject({ action: "deliver", allowed: ["complete"] });
  expect(client.sent).toEqual([ops.ASK_SERVICE]);
});

test("without a connection the last that is known decides, and nobody waits", async () => {
  const client = new Scripted([]);
  client.stateNow = "waiting";
  await expect(client.deal("s").deliver()).rejects.toBeInstanceOf(ActionNotAllowed);
  expect(client.sent).toEqual([]);
});

test("of an offer that is not on the table any more the server says so", async () => {
  const client = new Scripted([]);
  client.next = service(2, [], 2);
  const shown: ShownOffer = { ...offer(1), service: "s" };
  await client.deal("s").accept(shown);
  expect(client.sent).toEqual([ops.ASK_SERVICE, ops.NEGOTIATION_END]);
});

test("a deal that is looked at is asked for anew when a sanction comes", async () => {
  const client = new Scripted(["counter"]);
  const { deal } = client.conversation("c");
  await deal.load();
  client.sent.length = 0;
  const stop = deal.subscribe(() => {});
  client.next = service(1, ["decline"]);
  client.tellSanction();
  await deal.load();
  stop();
  expect(client.sent).toContain(ops.ASK_SERVICE);
  expect(deal.can("counter")).toBe(false);
  expect(deal.can("decline")).toBe(true);
});

test("each deal of a conversation has its own dispute", () => {
  const client = new Scripted([]);
  const dispute = (name: string, about: string, created_at: string) => {
    const parties = { conversation: "c", provider: "bob", client: "ann", opened_by: "ann" };
    const how = { reason: "other", state: "resolved", allowed_actions: [], version: 1 };
    return { ...parties, ...how, dispute: name, service: about, created_at };
  };
  const later = { ...service(1, []), service: "t", created_at: "2026-02-01T00:00:00.000Z" };
  client.show(later, dispute("first", "s", at));
  client.show(later, dispute("second", "s", "2026-01-02T00:00:00.000Z"));
  client.show(later, dispute("third", "t", "2026-02-02T00:00:00.000Z"));
  expect(client.conversation("c").deal.dispute.id).toBe("third");
  expect(client.deal("t").dispute.id).toBe("third");
  expect(client.deal("s").dispute.id).toBe("second");
  expect(client.deal("s").getSnapshot().dispute?.dispute).toBe("second");
});
