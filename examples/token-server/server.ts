/**
 * A marketplace's server in small: signs people in, mints their tokens for Parley, serves pages.
 *
 *     POST   /session   {"name", "password"}   signs in, sets the cookie of the session
 *     GET    /session                          says who is signed in, and where Parley is
 *     DELETE /session                          signs out
 *     POST   /token                            mints a token of who is signed in
 *
 * README.md has the settings, which are environment variables.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { resolve } from "node:path";

import { Limiter } from "./limits.ts";
import { type Folders, policy, serve } from "./pages.ts";
import { People } from "./people.ts";
import { Sessions } from "./sessions.ts";
import { type Issuer, mint, readKey } from "./tokens.ts";

const MAXIMUM_BODY_BYTES = 4096;
// Each check takes 32 MiB and a tenth of a second of a processor.
const MAXIMUM_CHECKS = 4;

interface Options {
  issuer: Issuer;
  people: People;
  sessions: Sessions;
  /** Where people's sockets go, a URL of ws: or wss:. */
  socket: string;
  /** Origins of the pages that may sign people in and ask for tokens. */
  origins: ReadonlySet<string>;
  /** False where the pages are served over plain HTTP, on this machine. */
  secure: boolean;
  folders: Folders;
}

/** An answer that is no success. */
class Refusal extends Error {
  readonly status: number;
  readonly headers: Record<string, string>;

  constructor(status: number, reason: string, headers: Record<string, string> = {}) {
    super(reason);
    this.status = status;
    this.headers = headers;
  }
}

/** Build the server; it does not listen yet. */
function build(options: Options): Server {
  const { issuer, people, sessions } = options;
  const cookie = options.secure ? "__Host-session" : "session";
  const signIns = new Limiter(5, 30);
  const tokens = new Limiter(20, 3);
  let checks = 0;

  const headers = {
    "content-security-policy": policy(options.socket),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
  };

  async function handle(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
    const route = `${request.method} ${path}`;
    switch (route) {
      case "POST /session":
        checkOrigin(request);
        return await signIn(request, answer);
      case "DELETE /session":
        checkOrigin(request);
        sessions.end(sessionOf(request));
        return say(answer, 200, {}, { "set-cookie": written("", 0) });
      case "GET /session":
        return say(answer, 200, { user: sessions.find(sessionOf(request)), url: options.socket });
      case "POST /token":
        checkOrigin(request);
        return mintFor(sessions.find(sessionOf(request)), answer);
    }
    if (path === "/session" || path === "/token") throw new Refusal(405, "method_not_allowed");
    if (request.method !== "GET") throw new Refusal(405, "method_not_allowed", { allow: "GET" });
    if (!(await serve(options.folders, path, answer, headers))) throw new Refusal(404, "not_found");
  }

  // Browsers send Origin with each POST and DELETE, and no page can change it. So a foreign page can
  // neither sign somebody in as somebody else nor have a token minted.
  function checkOrigin(request: IncomingMessage): void {
    const origin = request.headers.origin;
    const site = request.headers["sec-fetch-site"] ?? "same-origin";
    if (origin === undefined || !options.origins.has(origin) || site === "cross-site") {
      throw new Refusal(403, "origin_not_allowed");
    }
  }

  async function signIn(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { name, password } = await readCredentials(request);
    // By name and by address: neither can one name be tried from everywhere, nor all from here.
    limit(signIns, `name ${name}`);
    limit(signIns, `address ${request.socket.remoteAddress}`);
    if (checks >= MAXIMUM_CHECKS) throw new Refusal(503, "busy", { "retry-after": "1" });
    checks += 1;
    let user: string | null;
    try {
      user = await people.check(name, password);
    } finally {
      checks -= 1;
    }
    if (user === null) throw new Refusal(401, "wrong_name_or_password");
    sessions.end(sessionOf(request));
    const id = sessions.begin(user);
    say(
      answer,
      200,
      { user, url: options.socket },
      { "set-cookie": written(id, sessions.seconds) },
    );
  }

  function mintFor(user: string | null, answer: ServerResponse): void {
    if (user === null) throw new Refusal(401, "signed_out");
    limit(tokens, user);
    say(answer, 200, { token: mint(issuer, user), expires_in: issuer.lifetime });
  }

  function sessionOf(request: IncomingMessage): string {
    for (const pair of (request.headers.cookie ?? "").split(/; */)) {
      const [name, value] = pair.split("=", 2);
      if (name === cookie) return value ?? "";
    }
    return "";
  }

  function written(id: string, seconds: number): string {
    const secure = options.secure ? "; Secure" : "";
    return `${cookie}=${id}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${seconds}${secure}`;
  }

  function say(
    answer: ServerResponse,
    status: number,
    body: object,
    more: Record<string, string> = {},
  ): void {
    const text = JSON.stringify(body);
    answer.writeHead(status, {
      ...headers,
      ...more,
      "content-type": "application/json",
      "content-length": Buffer.byteLength(text),
      "cache-control": "no-store",
    });
    answer.end(text);
  }

  return createServer(
    { requestTimeout: 10_000, headersTimeout: 5_000, maxHeaderSize: 8192 },
    (request, answer) => {
      handle(request, answer).catch((error: unknown) => {
        if (answer.headersSent) return answer.destroy();
        if (error instanceof Refusal) {
          return say(answer, error.status, { reason: error.message }, error.headers);
        }
        // The text of an error may name files; it is for whoever runs the server.
        process.stderr.write(`${request.method} failed: ${error}\n`);
        say(answer, 500, { reason: "internal" });
      });
    },
  );
}

function limit(limiter: Limiter, name: string): void {
  const seconds = limiter.take(name);
  if (seconds > 0) throw new Refusal(429, "rate_limited", { "retry-after": String(seconds) });
}

async function readCredentials(
  request: IncomingMessage,
): Promise<{ name: string; password: string }> {
  if (request.headers["content-type"] !== "application/json") {
    throw new Refusal(415, "json_expected");
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > MAXIMUM_BODY_BYTES) throw new Refusal(413, "too_large", { connection: "close" });
    chunks.push(chunk);
  }
  let body: unknown;
  try {
    body = JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw new Refusal(400, "bad_json");
  }
  const { name, password } = (body ?? {}) as Record<string, unknown>;
  if (typeof name !== "string" || typeof password !== "string") {
    throw new Refusal(400, "name_and_password_expected");
  }
  return { name, password };
}

/** Read a setting that is a number above 0. */
function positive(name: string, otherwise: number): number {
  const value = Number(process.env[name] ?? otherwise);
  if (!(value > 0)) throw new Error(`${name} is no number above 0`);
  return value;
}

const checkout = resolve(import.meta.dirname, "../..");
const port = positive("PORT", 3000);
const {
  HOST = "127.0.0.1",
  ORIGINS = `http://127.0.0.1:${port}`,
  PARLEY_URL = "ws://127.0.0.1:8080/ws",
  PEOPLE_FILE = `${checkout}/.data/people.json`,
  TOKEN_AUDIENCE,
  TOKEN_ISSUER,
  TOKEN_KEY_FILE = `${checkout}/.data/parley/secrets/token.key`,
  TOKEN_KEY_ID,
} = process.env;
const origins = ORIGINS.split(",");

const server = build({
  issuer: {
    key: readKey(TOKEN_KEY_FILE),
    keyId: TOKEN_KEY_ID,
    lifetime: positive("TOKEN_SECONDS", 300),
    issuer: TOKEN_ISSUER,
    audience: TOKEN_AUDIENCE,
  },
  people: new People(PEOPLE_FILE),
  sessions: new Sessions(positive("SESSION_SECONDS", 12 * 3600)),
  socket: PARLEY_URL,
  origins: new Set(origins),
  secure: origins.every((origin) => origin.startsWith("https:")),
  folders: {
    "/client/": `${checkout}/sdk/typescript/dist`,
    "/embed/": `${checkout}/examples/embed`,
    "/parley/": `${checkout}/web/dist/embed`,
    "/react/": `${checkout}/examples/react-page/dist`,
    "/": `${checkout}/examples/plain-page`,
  },
});
server.listen(port, HOST, () => {
  process.stdout.write(`listening on http://${HOST}:${port}\n`);
});
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    server.close();
    server.closeAllConnections();
  });
}
