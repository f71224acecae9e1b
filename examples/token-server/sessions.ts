/** Sessions of people who have signed in: a random name in a cookie, the rest in memory. */

import { createHash, randomBytes } from "node:crypto";

/** Who is signed in. They end with their time, by signing out, and when the server stops. */
export class Sessions {
  readonly #sessions = new Map<string, { user: string; until: number }>();
  readonly seconds: number;
  readonly #maximum: number;

  constructor(seconds: number, maximum = 10_000) {
    this.seconds = seconds;
    this.#maximum = maximum;
  }

  /** Begin a session; give what the cookie holds. The oldest ends where there are too many. */
  begin(user: string, now: number = Date.now() / 1000): string {
    const id = randomBytes(32).toString("base64url");
    this.#sessions.set(digest(id), { user, until: now + this.seconds });
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size > this.#maximum && oldest !== undefined) this.#sessions.delete(oldest);
    return id;
  }

  /** Give the user of a session, or null if there is none. */
  find(id: string, now: number = Date.now() / 1000): string | null {
    const session = this.#sessions.get(digest(id));
    if (session === undefined) return null;
    if (session.until > now) return session.user;
    this.end(id);
    return null;
  }

  end(id: string): void {
    this.#sessions.delete(digest(id));
  }
}

/** The name under which a session is kept: whoever reads the memory learns no cookie from it. */
function digest(id: string): string {
  return createHash("sha256").update(id).digest("base64url");
}
