// The whole page: it signs somebody in, and shows conversations, one of them, and its deal. Each part
// draws itself anew when the store that it shows has changed. What others wrote becomes text, never HTML.

import { Client, exponentOf, formatPrice, parsePrice, StaleOffer } from "/client/index.js";
import { IndexedDbStore } from "/client/storage/indexeddb.js";

const CURRENCY = "EUR";

const find = (selector) => document.querySelector(selector);

/** Make an element with text. */
function make(tag, text, properties = {}) {
  return Object.assign(document.createElement(tag), { textContent: text, ...properties });
}

/** Make a button that does something. */
function button(text, onclick) {
  return make("button", text, { type: "button", onclick: () => attempt(onclick) });
}

/** Do something, and say what went wrong. */
async function attempt(step) {
  find("#problem").textContent = "";
  try {
    await step();
  } catch (error) {
    // The offer that is shown from now on is the current one, about which the person decides again.
    const stale = error instanceof StaleOffer;
    find("#problem").textContent = stale ? "The offer has changed." : error.message;
  }
}

/** Call a function with what a form holds, when it is sent. */
function onSubmit(selector, submit) {
  find(selector).addEventListener("submit", (event) => {
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(event.target));
    attempt(async () => {
      await submit(fields, event.target);
    });
  });
}

/** Draw something now, and again whenever a store has changed; give the function that ends it. */
function show(store, draw) {
  draw(store.getSnapshot());
  return store.subscribe(() => draw(store.getSnapshot()));
}

// The marketplace's own server: who is signed in, and that person's tokens.

async function readSession() {
  return (await fetch("/session")).json();
}

async function getToken(_reason, signal) {
  const answer = await fetch("/token", { method: "POST", signal });
  if (answer.status === 401) return null;
  if (!answer.ok) throw new Error(`no token: ${answer.status}`);
  return (await answer.json()).token;
}

onSubmit("#sign-in", async (fields) => {
  const headers = { "content-type": "application/json" };
  const answer = await fetch("/session", {
    method: "POST",
    headers,
    body: JSON.stringify(fields),
  });
  if (!answer.ok) throw new Error((await answer.json()).reason.replaceAll("_", " "));
  start(await answer.json());
});

find("#sign-out").onclick = () =>
  attempt(async () => {
    await client.close();
    await fetch("/session", { method: "DELETE" });
    location.reload();
  });

// What is shown.

let client;
let conversation;
let leave = () => {};

function start({ user, url }) {
  find("#sign-in").hidden = user !== null;
  find("#talk").hidden = find("#sign-out").hidden = user === null;
  if (user === null) return;
  find("#user").textContent = user;
  client = new Client({ url, user, token: getToken, store: new IndexedDbStore() });
  client.connect();
  show(client.connection, ({ state }) => {
    find("#state").textContent = state;
  });
  show(client.conversationList, ({ conversations }) => {
    find("#conversations").replaceChildren(
      ...conversations.map(({ peer, subject = "", unread, lastMessage }) => {
        const item = make("li", "");
        const open = button(`${peer} ${subject}`, () => talk(peer, subject));
        open.append(make("mark", unread || ""), make("small", lastMessage?.text ?? ""));
        item.append(open);
        return item;
      }),
    );
  });
}

function talk(peer, subject) {
  leave();
  conversation = client.conversationWith(peer, subject ? { subject } : {});
  find("#conversation").hidden = false;
  find("#title").textContent = `${peer} ${subject}`;
  const ends = [show(conversation, drawConversation), show(conversation.deal, drawDeal)];
  leave = () => {
    for (const end of ends) end();
  };
}

function drawConversation({ rows, hasOlder, typing, peer, unread, peerReadUpTo }) {
  find("#older").hidden = !hasOlder;
  find("#typing").textContent = typing ? `${peer} is typing` : "";
  find("ol").replaceChildren(...rows.map((row) => drawRow(row, peerReadUpTo)));
  // What is shown counts as read. If that fails, the next message marks it again.
  if (unread) conversation.markRead().catch(() => {});
}

function drawRow(row, readUpTo) {
  if (row.state === "stored") {
    const { text, event, tombstone, sender, seq } = row.message;
    const said = text ?? (event ? `${event.title}: ${event.cause}` : `(${tombstone})`);
    const mine = sender === client.user;
    const item = make("li", said, { className: mine ? "mine" : "theirs" });
    if (mine && seq <= readUpTo) item.append(make("small", "read"));
    return item;
  }
  const item = make("li", row.text, { className: "mine pending" });
  item.append(make("small", row.error?.message ?? row.state));
  if (row.state === "failed") {
    item.append(
      button("Again", () => client.outbox.retry(row.key)),
      button("Discard", () => client.outbox.discard(row.key)),
    );
  } else if (row.state === "queued") {
    item.append(button("Cancel", () => client.outbox.cancel(row.key)));
  }
  return item;
}

function drawDeal({ deal }) {
  const open = deal && ["offered", "agreed", "delivered"].includes(deal.state);
  find("#propose").hidden = open === true;
  const offer = deal?.offer ?? deal?.amendment;
  find("#deal").textContent = deal
    ? [
        `${deal.title}: ${deal.state}`,
        deal.agreed && `agreed: ${formatPrice(deal.agreed.price, deal.exponent)}`,
        offer && `${offer.by} offers ${formatPrice(offer.price, deal.exponent)}`,
      ]
        .filter(Boolean)
        .join(", ")
    : "";
  // Each step that `allowed_actions` names, and no other.
  const steps = {
    accept: () => conversation.deal.accept(offer),
    decline: () => conversation.deal.decline(offer),
    withdraw: () => conversation.deal.withdraw(offer),
    deliver: () => conversation.deal.deliver(),
    complete: () => conversation.deal.complete(),
    reopen: () => conversation.deal.reopen(),
    request_cancellation: () => conversation.deal.requestCancellation(),
    confirm_cancellation: () => conversation.deal.confirmCancellation(),
  };
  find("#steps").replaceChildren(
    ...Object.entries(steps)
      .filter(([name]) => deal?.allowed_actions.includes(name))
      .map(([name, step]) => button(name.replaceAll("_", " "), step)),
  );
}

onSubmit("#begin", ({ peer }) => talk(peer, ""));
onSubmit("#propose", ({ title, price }, form) => {
  form.reset();
  const told = parsePrice(price, CURRENCY, exponentOf(CURRENCY));
  return conversation.propose({ role: "provider", title, price: told });
});
onSubmit("#say", ({ text }, form) => {
  form.reset();
  // The row says how it goes, also if it fails.
  conversation.send(text).catch(() => {});
});
find("#say input").oninput = () => conversation.typing();
find("#older").onclick = () => attempt(() => conversation.loadOlder());

start(await readSession());
