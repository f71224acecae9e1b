// A client in a worker: it is told what to do, and tells its events, by messages.
import { Client } from "./index.js";
import { IndexedDbStore } from "./storage/indexeddb.js";

const CREATE_MSG = 7;

onmessage = async ({ data: { url, token, to, text } }) => {
  const client = new Client({ url, token, store: new IndexedDbStore() });
  client.on(({ type, message }) => {
    if (type === "message") postMessage({ type: "heard", text: message.text });
  });
  client.connect();
  const { status } = await client.command(CREATE_MSG, { to, text });
  postMessage({ type: "sent", status });
};
