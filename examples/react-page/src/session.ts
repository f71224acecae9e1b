/** What the token server is asked for. */

import type { GetToken } from "@parley/client";

/** Who is signed in, and where Parley is. */
export interface Session {
  readonly user: string | null;
  readonly url: string;
}

/** Ask who is signed in. */
export async function readSession(): Promise<Session> {
  return (await fetch("/session")).json();
}

/** Sign somebody in. Rejects with words to show. */
export async function signIn(name: string, password: string): Promise<Session> {
  const answer = await fetch("/session", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name, password }),
  });
  if (answer.ok) return answer.json();
  throw new Error(answer.status === 401 ? "Wrong name or password." : "Try again in a moment.");
}

export async function signOut(): Promise<void> {
  await fetch("/session", { method: "DELETE" });
}

/** Get a token of who is signed in; null tells the client that nobody is. */
export const getToken: GetToken = async (_reason, signal) => {
  const answer = await fetch("/token", { method: "POST", signal });
  if (answer.status === 401) return null;
  if (!answer.ok) throw new Error(`no token: ${answer.status}`);
  return (await answer.json()).token;
};
