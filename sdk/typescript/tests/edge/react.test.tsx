// @vitest-environment happy-dom
import { StrictMode } from "react";
import { createRoot, type Root } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Client } from "../../src/index.ts";
import {
  ParleyProvider,
  useConnection,
  useConversation,
  useConversations,
  useConversationWith,
  useDeal,
  usePending,
  useStore,
} from "../../src/react.ts";
import { closeAll, connect, mint, somebody, until } from "../support/people.ts";

const { PARLEY_URL: url = "" } = process.env;

let root: Root;
let page: HTMLElement;
let sockets: WebSocket[];
let clients: Client[];

class Counted extends WebSocket {
  constructor(...made: ConstructorParameters<typeof WebSocket>) {
    super(...made);
    sockets.push(this);
  }
}

/** A client that nobody has connected; its sockets are counted. */
function makeClient(user: string): Client {
  const client = new Client({ url, token: () => mint(user), WebSocket: Counted, closeDelay: 20 });
  clients.push(client);
  return client;
}

beforeEach(() => {
  sockets = [];
  clients = [];
  page = document.createElement("div");
  root = createRoot(page);
});

afterEach(async () => {
  root.unmount();
  await Promise.all(clients.map((client) => client.close()));
  await closeAll();
});

/** Wait until the page says something. */
function says(text: string): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (!page.textContent?.includes(text)) return;
      observer.disconnect();
      resolve();
    };
    const observer = new MutationObserver(look);
    observer.observe(page, { childList: true, characterData: true, subtree: true });
    look();
  });
}

/** Let React render what it has been told of. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

function Talk({ id }: { id: string }) {
  const [view, conversation] = useConversation(id);
  const { deal } = useStore(conversation.deal);
  return (
    <main>
      {view.rows.map((row) => (
        <p key={row.key}>{row.state === "stored" ? row.message.text : `(${row.text})`}</p>
      ))}
      <output>{deal?.title}</output>
      <button type="button" onClick={() => void conversation.send("from the page")}>
        send
      </button>
    </main>
  );
}

function Inbox() {
  const [{ conversations }] = useConversations();
  const { state } = useConnection();
  const [first] = conversations;
  return (
    <>
      <header>{state}</header>
      <footer>{usePending().length} pending</footer>
      {first?.conversation && <Talk id={first.conversation} />}
    </>
  );
}

let renders: number;

function Rows({ peer }: { peer: string }) {
  const [view] = useConversationWith(peer, "one");
  renders += 1;
  return <p>{view.rows.length} rows</p>;
}

function Offer({ id }: { id: string }) {
  const [view, deal] = useDeal(id);
  return <p>{deal.can("accept") && view.deal?.state}</p>;
}

test("a page in StrictMode has one socket, shows what is said, and says something", async () => {
  const [ann, bob] = [somebody("ann"), somebody("bob")];
  const other = connect(bob);
  await other.conversationWith(ann).send("from bob");
  const client = makeClient(ann);
  root.render(
    <StrictMode>
      <ParleyProvider client={client}>
        <Inbox />
      </ParleyProvider>
    </StrictMode>,
  );
  await says("from bob");
  await says("live");
  page.querySelector("button")?.click();
  await says("0 pendingfrom bobfrom the page");
  const his = other.conversationWith(ann);
  await his.propose({
    role: "provider",
    title: "Roof",
    price: { amount_minor: 1, currency: "EUR" },
  });
  await says("Roof");
  expect(sockets).toHaveLength(1);
  expect(sockets[0]?.readyState).toBe(WebSocket.OPEN);

  root.render(null);
  await until(client.connection, ({ state }) => state === "closed");
  expect(sockets).toHaveLength(1);
});

test("a component renders again only when what it shows has changed", async () => {
  const [ann, bob] = [somebody("ann"), somebody("bob")];
  const other = connect(bob);
  await other.conversationWith(ann, { subject: "one" }).send("first");
  renders = 0;
  const client = makeClient(ann);
  root.render(
    <ParleyProvider client={client}>
      <Rows peer={bob} />
    </ParleyProvider>,
  );
  await says("1 rows");
  await until(
    client.conversationWith(bob, { subject: "one" }),
    ({ loading }) => loading === "ready",
  );
  await settled();
  const before = renders;
  await other.conversationWith(ann, { subject: "two" }).send("elsewhere");
  await until(client.conversationList, ({ conversations }) => conversations.length === 2);
  await settled();
  expect(renders).toBe(before);
});

test("a deal is shown by its id", async () => {
  const [ann, bob] = [somebody("ann"), somebody("bob")];
  const hers = connect(ann).conversationWith(bob);
  await hers.send("A roof, please.");
  const price = { amount_minor: 5, currency: "EUR" };
  const deal = await hers.propose({ role: "client", title: "Roof", price });
  root.render(
    <ParleyProvider client={makeClient(bob)}>
      <Offer id={deal.service} />
    </ParleyProvider>,
  );
  await says("offered");
});

test("a page is rendered on a server without a connection, and without a provider not at all", () => {
  const client = makeClient(somebody("ann"));
  const html = renderToString(
    <ParleyProvider client={client}>
      <Inbox />
    </ParleyProvider>,
  );
  expect(html).toContain("idle");
  expect(sockets).toHaveLength(0);
  expect(() => renderToString(<Inbox />)).toThrow("there is no ParleyProvider");
});
