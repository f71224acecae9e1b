/** Each packet that a client sends has a method with types. */

import { expect, test } from "vitest";
import * as ops from "../../src/generated/packets.ts";
import { type AnswerTo, Client, type PayloadOf } from "../../src/index.ts";
import type { ClientOp, Data } from "../../src/protocol.ts";

const at = "2026-01-01T00:00:00.000Z";
const price = { amount_minor: 100, currency: "EUR" };
const offer = { number: 1, price, by: "bob", created_at: at };
const everything = [
  ...["counter", "revise", "accept", "decline", "withdraw", "propose_amendment", "deliver"],
  ...["complete", "reopen", "request_cancellation", "confirm_cancellation", "open_dispute"],
  ...["submit_note", "state", "propose"],
];
const parties = { conversation: "c", provider: "bob", client: "ann", created_at: at, version: 1 };
const allowed_actions = everything;
const service = {
  ...parties,
  service: "s",
  title: "Roof",
  state: "offered",
  currency: "EUR",
  exponent: 2,
  deadlines: {},
  allowed_actions,
  offer,
};
const settlement = { provider_minor: 60, client_minor: 40 };
const dispute = {
  ...parties,
  dispute: "d",
  service: "s",
  opened_by: "ann",
  reason: "other",
  state: "open",
  allowed_actions,
  offers: [{ number: 1, by: "bob", settlement, created_at: at }],
};
const update = { conversation: "c", cause: "asked", service, dispute };
const conversation = {
  conversation: "c",
  participants: ["ann", "bob"],
  last_message: null,
  unread: 0,
  read_up_to: 0,
  peer_read_up_to: 0,
  peer_delivered_up_to: 0,
  version: 1,
};

// What any answer may hold.
const ANSWER = {
  ...update,
  conversations: [conversation],
  messages: [],
  more: false,
  services: [],
  disputes: [],
  reports: [],
  appeals: [],
  blocks: [],
  events: [],
  standing: { sanctions: [] },
};

/** A client that sends nothing, but remembers what it would have sent. */
class Recorder extends Client {
  readonly sent = new Map<ClientOp, Data[]>();

  constructor() {
    super({ url: "ws://127.0.0.1:1/ws", token: "token", user: "ann" });
    this.take({ op: ops.RETURN_CONVERSATIONS, d: ANSWER });
    this.take({ op: ops.UPDATE_CONVERSATION_DATAS, d: update });
  }

  override async command<Op extends ClientOp>(op: Op, d: PayloadOf<Op>): Promise<AnswerTo<Op>> {
    this.sent.set(op, [...(this.sent.get(op) ?? []), JSON.parse(JSON.stringify(d))]);
    return ANSWER as unknown as AnswerTo<Op>;
  }

  override ask<Op extends ClientOp>(op: Op, d: PayloadOf<Op>): Promise<AnswerTo<Op>> {
    return this.command(op, d);
  }

  override tell<Op extends ClientOp>(op: Op, d: PayloadOf<Op>): void {
    void this.command(op, d);
  }
}

/** Call every method once. */
async function callAll(client: Recorder): Promise<void> {
  const talk = client.conversation("c");
  const { deal } = talk;
  const shown = { ...offer, service: "s" };
  await talk.send("text");
  await client.conversationWith("carol").send("text");
  await talk.edit("m", "text");
  await talk.delete("m");
  await talk.markRead(3);
  talk.typing();
  await talk.load();
  await talk.history({ before: 5 });
  await talk.messages().page();
  await talk.report({ reason: "spam" });
  await talk.reportMessage("m", { reason: "other", comment: "text" });
  await talk.propose({ role: "provider", title: "Roof", price });
  await deal.accept(shown);
  await deal.decline(shown);
  await deal.withdraw(shown);
  await deal.counter(shown, price);
  await deal.revise(shown, price, { note: "text" });
  await deal.proposeAmendment(price);
  await deal.deliver();
  await deal.complete();
  await deal.reopen();
  await deal.requestCancellation({ reason: "text" });
  await deal.confirmCancellation();
  await deal.submitNote(5);
  await deal.openDispute({ reason: "other", statement: "text", refund: price });
  await deal.history().page();
  await deal.load();
  await client.deal("s").load();
  await deal.dispute.state("text");
  await deal.dispute.propose(settlement);
  await deal.dispute.accept({
    ...dispute.offers[0],
    dispute: "d",
    number: 1,
    by: "bob",
    settlement,
    created_at: at,
  });
  await deal.dispute.withdraw();
  await deal.dispute.reportStatement(1, { reason: "hate" });
  await client.dispute("d").load();
  await client.block("bob");
  await client.appeal("decision", "text");
  await client.standing();
  for (const list of [
    "conversations",
    "deals",
    "disputes",
    "reports",
    "appeals",
    "blocks",
  ] as const) {
    await client[list]().page();
  }
}

test("every packet that a client sends is reached by a method", async () => {
  const client = new Recorder();
  await callAll(client);
  // Those of the connection itself: it confirms, resumes, and renews its token.
  const own = [ops.PONG, ops.RESUME, ops.RENEW_TOKEN];
  const all = Object.keys(ops.ANSWERS).map(Number);
  expect([...client.sent.keys(), ...own].sort((one, other) => one - other)).toEqual(all);
});

test("an offer is named by its number and price as they were shown", async () => {
  const client = new Recorder();
  await client.conversation("c").deal.accept({ ...offer, service: "s" });
  expect(client.sent.get(ops.NEGOTIATION_END)).toEqual([
    { service: "s", outcome: "agreed", offer: 1, price },
  ]);
});

test("what is not given is not sent", async () => {
  const client = new Recorder();
  await client.conversation("c").send("text");
  await client.conversationWith("carol").send("text");
  expect(client.sent.get(ops.CREATE_MSG)).toEqual([
    { conversation: "c", text: "text" },
    { to: "carol", text: "text" },
  ]);
});
