/** What the examples of the README take for granted: Alice, who is connected, and her talk with Bob. */

import { afterAll } from "vitest";
import type { ConversationStore } from "../../src/index.ts";
import { IndexedDbStore } from "../../src/storage/indexeddb.ts";
import { closeAll, connect, mint, somebody } from "./people.ts";

export { Client, until } from "../../src/index.ts";

const { PARLEY_URL = "" } = process.env;

/** By the name in the README, one that nobody has in another run. */
export const names: Readonly<Record<string, string>> = Object.fromEntries(
  ["alice", "bob", "carol"].map((name) => [name, somebody(name)]),
);
const { alice = "", bob = "" } = names;

export const url: string = PARLEY_URL;
export const token: string = mint(alice);
export const client = connect(alice, { store: new IndexedDbStore({ name: "readme" }) });
export const conversation = client.conversationWith(bob, { subject: "roof" });

afterAll(closeAll);

/** Let Bob answer and propose a deal; give his side of the conversation. */
export async function begin(): Promise<ConversationStore> {
  const stored = await conversation.send("Hello Bob, my roof leaks.");
  const his = connect(bob).conversation(stored.conversation);
  await his.send("I can mend it.");
  const price = { amount_minor: 12_050, currency: "EUR" };
  await his.propose({ role: "provider", title: "Roof", price });
  return his;
}
