/** People who talk with a real edge, whose address and key the environment holds. */

import { createHmac, randomUUID } from "node:crypto";
import { vi } from "vitest";
import { Client, type ClientOptions } from "../../src/index.ts";

// The machine may be busy with other tests.
vi.setConfig({ testTimeout: 30_000 });

const { PARLEY_URL: url = "", PARLEY_TOKEN_KEY: key = "" } = process.env;

/** Mint a token, as the marketplace's server does. */
export function mint(user: string, seconds = 3600): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const exp = Math.floor(Date.now() / 1000) + seconds;
  const signed = `${part({ alg: "HS256" })}.${part({ sub: user, exp, jti: randomUUID() })}`;
  return `${signed}.${createHmac("sha256", key).update(signed).digest("base64url")}`;
}

const open = new Set<Client>();

/** Make a client of somebody, connected; `closeAll` ends it. */
export function connect(user: string, options: Partial<ClientOptions> = {}): Client {
  const client = new Client({ url, token: () => mint(user), ...options });
  open.add(client);
  client.connect();
  return client;
}

/** Make a name that nobody has in another test. */
export function somebody(name: string): string {
  return `${name}-${randomUUID().slice(0, 8)}`;
}

/** Close all clients that were connected. */
export async function closeAll(): Promise<void> {
  await Promise.all([...open].map((client) => client.close()));
  open.clear();
}

export { until } from "../../src/index.ts";
