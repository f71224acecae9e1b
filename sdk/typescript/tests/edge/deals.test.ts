import { afterEach, expect, test } from "vitest";
import {
  ActionNotAllowed,
  type ConversationStore,
  type DealView,
  InvalidState,
  NotFound,
  StaleOffer,
} from "../../src/index.ts";
import { closeAll, connect, somebody, until } from "../support/people.ts";

afterEach(closeAll);

const EUR = (amount_minor: number) => ({ amount_minor, currency: "EUR" });

/** Ann, who wants a roof, and Bob, who proposes to build it; each with the conversation. */
async function proposed() {
  const names: [string, string] = [somebody("ann"), somebody("bob")];
  const [ann, bob] = [connect(names[0]), connect(names[1])];
  const hers = ann.conversationWith(names[1], { subject: "roof" });
  await hers.send("My roof leaks.");
  const his = bob.conversation(hers.id as string);
  const proposal = { role: "provider", title: "Roof", price: EUR(12_050) } as const;
  const deal = await his.propose(proposal);
  await until(hers.deal, (view) => view.deal?.offer);
  return { ann, bob, names, hers, his, deal };
}

const dealOf = ({ deal }: ConversationStore) => deal.getSnapshot().deal as DealView;
const offerOf = (side: ConversationStore) => {
  const { offer, amendment } = dealOf(side);
  return (offer ?? amendment) as NonNullable<DealView["offer"]>;
};

test("an offer is accepted as it was shown, worked off, and rated", async () => {
  const { hers, his, deal } = await proposed();
  expect(deal.offer).toMatchObject({ service: deal.service, number: 1, price: EUR(12_050) });
  expect(hers.deal.can("accept")).toBe(true);
  const agreed = await hers.deal.accept(offerOf(hers));
  expect(agreed).toMatchObject({ state: "agreed", agreed: { price: EUR(12_050), offer: 1 } });
  await until(his.deal, (view) => view.deal?.state === "agreed");
  await his.deal.deliver();
  await until(hers.deal, (view) => view.deal?.state === "delivered");
  expect((await hers.deal.reopen({ reason: "It still leaks." })).state).toBe("agreed");
  await until(his.deal, (view) => view.deal?.state === "agreed");
  await his.deal.deliver();
  await until(hers.deal, (view) => view.deal?.state === "delivered");
  expect((await hers.deal.complete()).state).toBe("completed");
  await hers.deal.submitNote(5, { comment: "It is dry." });
  await until(his.deal, (view) => view.deal?.state === "completed");
  await his.deal.submitNote(4);
  const view = await until(hers.deal, ({ deal }) => deal?.notes?.theirs);
  expect(view.deal?.notes).toMatchObject({ mine: { score: 5 }, theirs: { score: 4 } });
  const causes: string[] = [];
  for await (const { cause } of hers.deal.history()) causes.push(cause);
  expect(causes.slice(0, 3)).toEqual(["created", "agreed", "delivered"]);
});

test("an offer that is not live any more is StaleOffer with the deal as it stands", async () => {
  const { hers, his } = await proposed();
  const shown = offerOf(hers);
  await until(his.deal, (view) => view.deal?.offer);
  const revised = await his.deal.revise(offerOf(his), EUR(15_000), { note: "Tiles are dear." });
  expect(revised.offer).toMatchObject({ number: 2, note: "Tiles are dear." });
  const refused = await hers.deal.accept(shown).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(StaleOffer);
  expect((refused as StaleOffer).current).toMatchObject({
    offer: { number: 2, price: EUR(15_000) },
  });
  // The refusal shows the deal, so that the store knows it.
  await until(hers.deal, (view) => view.deal?.offer?.number === 2);
  await hers.deal.counter(offerOf(hers), EUR(14_000));
  const refusedAgain = await hers.deal.accept(shown).catch((error: unknown) => error);
  expect(refusedAgain).toBeInstanceOf(StaleOffer);
});

test("what is not allowed is not sent", async () => {
  const { hers, his, bob } = await proposed();
  await until(his.deal, (view) => view.loading === "ready");
  const sent: number[] = [];
  const refused = await his.deal.accept(offerOf(his)).catch((error: unknown) => error);
  bob.watch(({ op }) => void sent.push(op));
  expect(refused).toBeInstanceOf(ActionNotAllowed);
  expect(refused).toMatchObject({ action: "accept", allowed: expect.arrayContaining(["revise"]) });
  await expect(hers.deal.deliver()).rejects.toBeInstanceOf(ActionNotAllowed);
  expect(hers.deal.can("deliver")).toBe(false);
});

test("the price changes after the agreement only if both want it", async () => {
  const { hers, his } = await proposed();
  await hers.deal.accept(offerOf(hers));
  await until(his.deal, (view) => view.deal?.state === "agreed");
  await his.deal.proposeAmendment(EUR(13_000), { note: "More tiles." });
  await until(hers.deal, (view) => view.deal?.amendment);
  const amendment = offerOf(hers);
  await his.deal.revise(amendment, EUR(13_500));
  await expect(hers.deal.accept(amendment)).rejects.toBeInstanceOf(StaleOffer);
  await until(hers.deal, (view) => view.deal?.amendment?.price.amount_minor === 13_500);
  expect((await hers.deal.accept(offerOf(hers))).agreed).toMatchObject({ price: EUR(13_500) });
  await hers.deal.requestCancellation({ reason: "We move." });
  await until(his.deal, (view) => view.deal?.cancellation);
  expect((await his.deal.confirmCancellation()).state).toBe("cancelled");
});

test("an offer is declined, and withdrawn by who made it", async () => {
  const first = await proposed();
  expect((await first.hers.deal.decline(offerOf(first.hers))).state).toBe("closed");
  const second = await proposed();
  await until(second.his.deal, (view) => view.deal?.offer);
  expect((await second.his.deal.withdraw(offerOf(second.his))).state).toBe("closed");
});

test("the present deal of a conversation is the newest, and old offers do not fit it", async () => {
  const { hers, his, deal, ann } = await proposed();
  const old = offerOf(hers);
  await hers.deal.decline(old);
  await his.propose({ role: "provider", title: "Another roof", price: old.price });
  await until(hers.deal, (view) => view.deal?.title === "Another roof");
  // The same number and price, and yet not what was shown.
  await expect(hers.deal.accept(old)).rejects.toMatchObject({ current: { service: deal.service } });
  expect(dealOf(hers).state).toBe("offered");
  const titles: string[] = [];
  for await (const { title } of ann.deals()) titles.push(title);
  expect(titles).toEqual(["Another roof", "Roof"]);
  const open = await ann.deals({ open_only: true }).page();
  expect(open.items).toHaveLength(1);
  const past = await until(ann.deal(deal.service), (view) => view.loading === "ready");
  expect(past.deal).toMatchObject({ title: "Roof", state: "closed" });
});

test("a dispute holds the deal until both settle", async () => {
  const { ann, hers, his } = await proposed();
  await hers.deal.accept(offerOf(hers));
  await until(hers.deal, (view) => view.deal?.allowed_actions.includes("open_dispute"));
  const opened = await hers.deal.openDispute({
    reason: "not_as_agreed",
    statement: "There is no roof.",
    refund: EUR(5_000),
  });
  expect(opened.claim).toEqual({ refund: EUR(5_000) });
  await until(his.deal.dispute, ({ dispute }) => dispute?.state === "open");
  await his.deal.dispute.state("There will be.");
  await his.deal.dispute.propose({ provider_minor: 7_050, client_minor: 5_000 }, { text: "Half." });
  const shown = await until(hers.deal.dispute, ({ dispute }) => dispute?.offers?.length);
  const [settlement] = shown.dispute?.offers ?? [];
  if (!settlement) throw new Error("no settlement is shown");
  expect(settlement.dispute).toBe(opened.dispute);
  await his.deal.dispute.propose({ provider_minor: 8_050, client_minor: 4_000 });
  const stale = await hers.deal.dispute.accept(settlement).catch((error: unknown) => error);
  expect(stale).toBeInstanceOf(InvalidState);
  expect(stale).toMatchObject({ reason: "STALE_SETTLEMENT", current: { dispute: opened.dispute } });
  const newest = await until(hers.deal.dispute, ({ dispute }) => dispute?.offers?.length === 2);
  await hers.deal.dispute.accept(newest.dispute?.offers?.at(-1) ?? settlement);
  const done = await until(hers.deal, ({ deal }) => deal?.settlement);
  expect(done.deal?.settlement).toEqual({ provider_minor: 8_050, client_minor: 4_000 });
  await expect(his.deal.dispute.withdraw()).rejects.toBeInstanceOf(ActionNotAllowed);
  const disputes = await ann.disputes().page();
  expect(disputes.items.map(({ dispute }) => dispute)).toEqual([opened.dispute]);
  const alone = await until(ann.dispute(opened.dispute), (view) => view.loading === "ready");
  expect(alone.dispute?.statements).toHaveLength(3);
  const reported = await ann.dispute(opened.dispute).reportStatement(2, { reason: "harassment" });
  expect(reported).toMatchObject({ status: "received", subject: { number: 2 } });
});

test("messages and conversations are reported, and the reports listed", async () => {
  const { bob, his, hers } = await proposed();
  const { rows } = await until(his, ({ loading }) => loading === "ready");
  const [first] = rows;
  const message = first?.state === "stored" ? first.message.message : "";
  await his.reportMessage(message, { reason: "other", comment: "It is odd." });
  await his.report({ reason: "spam" });
  await expect(his.report({ reason: "other" })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  const reasons: unknown[] = [];
  for await (const { reason } of bob.reports({ limit: 1 })) reasons.push(reason);
  expect(reasons).toEqual(["spam", "other"]);
  expect(await bob.standing()).toMatchObject({ banned: false, sanctions: [] });
  expect((await bob.appeals().page()).items).toEqual([]);
  await expect(bob.appeal("nothing", "Please.")).rejects.toBeInstanceOf(NotFound);
  expect(hers.deal.dispute.getSnapshot().dispute).toBeUndefined();
});
