/**
 * The version that one writes by hand with Node: ws and pg, one process, one commit for each
 * message, a map of sockets. It speaks as much of the protocol as the one in Python does
 * (bench/baselines/server.py), and leaves out as much.
 *
 *     BASELINE_PORT=8090 PGDATABASE=... BASELINE_KEY=... node bench/node/server.ts
 */

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import { type WebSocket, WebSocketServer } from "ws";
import { type NewMessage, Store } from "./store.ts";

const HELLO = 0x03;
const CREATE_MSG = 0x07;
const STATUS_MSG = 0x08;
const ALERT_NEW_MSG = 0x10;

interface Packet {
  op: number;
  id: number;
  d: NewMessage;
}

function needed(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

const key = needed("BASELINE_KEY");
const port = Number(needed("BASELINE_PORT"));
const store = new Store();
const sockets = new Map<string, Set<WebSocket>>();

/** The user of a token that is signed by the key and has not expired; undefined of any other. */
function userOf(request: IncomingMessage): string | undefined {
  const token = request.headers.authorization?.replace(/^Bearer /, "") ?? "";
  const [header = "", payload = "", signature = ""] = token.split(".");
  const expected = createHmac("sha256", key).update(`${header}.${payload}`).digest();
  const given = Buffer.from(signature, "base64url");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
  const { alg } = JSON.parse(Buffer.from(header, "base64url").toString());
  const { sub, exp } = JSON.parse(Buffer.from(payload, "base64url").toString());
  return alg === "HS256" && exp > Date.now() / 1000 ? sub : undefined;
}

async function createMessage(socket: WebSocket, user: string, packet: Packet): Promise<void> {
  const { message, duplicate } = await store.store(user, packet.d);
  const shown = {
    message: message.id,
    conversation: message.conversation,
    seq: message.seq,
    created_at: message.created_at,
  };
  const status = { ...shown, status: "stored", duplicate };
  socket.send(JSON.stringify({ op: STATUS_MSG, re: packet.id, d: status }));
  if (duplicate) return;
  const alert = {
    conversation: message.conversation,
    message: { ...shown, sender: user, kind: "text", text: message.text },
    unread: 1,
  };
  const text = JSON.stringify({ op: ALERT_NEW_MSG, d: alert, cur: message.id });
  for (const other of sockets.get(packet.d.to) ?? []) other.send(text);
}

function serve(socket: WebSocket, user: string): void {
  const own = sockets.get(user) ?? new Set();
  sockets.set(user, own.add(socket));
  socket.send(JSON.stringify({ op: HELLO, d: { user } }));
  socket.on("message", (data) => {
    const packet: Packet = JSON.parse(String(data));
    if (packet.op !== CREATE_MSG) return;
    createMessage(socket, user, packet).catch((error: unknown) => {
      process.stderr.write(`${error}\n`);
      socket.close(1011);
    });
  });
  // A client that is gone comes back by itself.
  socket.on("error", () => socket.terminate());
  socket.on("close", () => {
    own.delete(socket);
    if (own.size === 0) sockets.delete(user);
  });
}

await store.open();
const server = createServer((_request, response) => response.end("ok"));
const webSockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
server.on("upgrade", (request, connection, head) => {
  const user = userOf(request);
  if (user === undefined) {
    connection.end("HTTP/1.1 401 Unauthorized\r\n\r\n");
    return;
  }
  webSockets.handleUpgrade(request, connection, head, (socket) => serve(socket, user));
});
server.listen(port, "127.0.0.1");
process.on("SIGTERM", () => {
  server.close();
  for (const socket of webSockets.clients) socket.terminate();
  void store.close();
});
