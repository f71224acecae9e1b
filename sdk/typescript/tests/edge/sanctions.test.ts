import { afterEach, expect, test } from "vitest";
import {
  Banned,
  type Client,
  type ConversationStore,
  type SanctionEvent,
  Sanctioned,
} from "../../src/index.ts";
import { closeAll, connect, somebody, until } from "../support/people.ts";

afterEach(closeAll);

const { MODERATOR_URL = "" } = process.env;

/** Ann has proposed a deal to Bob, and Bob has reported what she wrote. */
async function reported() {
  const [name, other] = [somebody("ann"), somebody("bob")];
  const [ann, bob] = [connect(name), connect(other)];
  const hers = ann.conversationWith(other);
  const { message, conversation } = await hers.send("Buy my carpets!");
  const price = { amount_minor: 100, currency: "EUR" };
  await hers.propose({ role: "provider", title: "Carpet", price });
  await bob.conversation(conversation).reportMessage(message, { reason: "spam" });
  return { name, ann, bob, hers };
}

/** Have a moderator decide the case against somebody. */
async function decide(accused: string, measure: string): Promise<void> {
  const query = new URLSearchParams({ accused, measure });
  expect((await fetch(`${MODERATOR_URL}?${query}`)).status).toBe(204);
}

/** Wait for the sanction that a client is told of. */
async function sanctionOf(client: Client): Promise<SanctionEvent["sanction"]> {
  for await (const event of client.events()) if (event.type === "sanction") return event.sanction;
  throw new Error("the client was closed");
}

const textsOf = (store: ConversationStore) =>
  store.getSnapshot().rows.map((row) => (row.state === "stored" ? row.message.text : row.text));

test("whoever is muted keeps what they wrote, is told why, and may appeal", async () => {
  const { name, ann, bob, hers } = await reported();
  const stop = hers.subscribe(() => {});
  await until(hers.deal, ({ deal }) => deal?.allowed_actions.includes("revise"));
  const told = sanctionOf(ann);
  await decide(name, "muted");
  const sanction = await told;
  expect(sanction.kind).toBe("muted");

  const refused = await hers.send("And my cups!").catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(Sanctioned);
  expect((refused as Sanctioned).standing).toMatchObject({ sanctions: [{ kind: "muted" }] });
  expect(textsOf(hers)).toContain("And my cups!");
  expect(hers.getSnapshot().rows.at(-1)).toMatchObject({ state: "failed" });
  // Negotiation hears of a sanction a moment later; from then on it offers what is left.
  while (hers.deal.can("revise")) {
    hers.deal.reload();
    await hers.deal.load();
  }
  expect(hers.deal.can("withdraw")).toBe(true);

  const { sanctions } = await ann.standing();
  const decision = sanctions[0]?.decision ?? "";
  const appeal = await ann.appeal(decision, "They are good carpets.");
  expect(appeal).toMatchObject({ decision, status: "open", text: "They are good carpets." });
  expect((await ann.appeals().page()).items).toMatchObject([{ appeal: appeal.appeal }]);
  expect((await bob.reports().page()).items).toMatchObject([{ status: "actioned" }]);
  stop();
});

test("whoever is banned is refused with the reasons", async () => {
  const { name, ann } = await reported();
  await decide(name, "banned");
  const { reason } = await until(ann.connection, ({ state }) => state === "refused");
  expect(reason).toBeInstanceOf(Banned);
  expect((reason as Banned).standing).toMatchObject({ banned: true });
  await expect(ann.standing()).rejects.toBeInstanceOf(Banned);
});
