/**
 * The store: one statement for each message, which each connection prepares once. It is a
 * transaction by itself, so that a message is one journey to the database and one commit; a used
 * key undoes the count of its seq too. The database is named by PostgreSQL's variables (PGHOST).
 */

import { randomUUID } from "node:crypto";
import pg from "pg";

// As many are at work at the same time as in the versions in Python.
const CONNECTIONS = 20;
const UNIQUE_VIOLATION = "23505";
const TABLES = `
CREATE TABLE IF NOT EXISTS conversations (
    id varchar PRIMARY KEY, first varchar NOT NULL, second varchar NOT NULL,
    last_seq integer NOT NULL, UNIQUE (first, second)
);
CREATE TABLE IF NOT EXISTS messages (
    id varchar PRIMARY KEY, conversation varchar NOT NULL, seq integer NOT NULL,
    sender varchar NOT NULL, text varchar NOT NULL, idempotency_key varchar NOT NULL,
    created_at varchar NOT NULL, UNIQUE (conversation, seq), UNIQUE (sender, idempotency_key)
);`;
const STORE = `
WITH conversation AS (
    INSERT INTO conversations (id, first, second, last_seq) VALUES ($1, $2, $3, 1)
    ON CONFLICT (first, second) DO UPDATE SET last_seq = conversations.last_seq + 1
    RETURNING id, last_seq
)
INSERT INTO messages (id, conversation, seq, sender, text, idempotency_key, created_at)
SELECT $4, id, last_seq, $5, $6, $7, $8 FROM conversation
RETURNING id, conversation, seq, text, created_at`;
const KNOWN = `
SELECT id, conversation, seq, text, created_at FROM messages
WHERE sender = $1 AND idempotency_key = $2`;

export interface NewMessage {
  to: string;
  text: string;
  idempotency_key: string;
}

export interface StoredMessage {
  id: string;
  conversation: string;
  seq: number;
  text: string;
  created_at: string;
}

/** A pool of connections, and the tables. */
export class Store {
  readonly #pool = new pg.Pool({ max: CONNECTIONS, idleTimeoutMillis: 0 });

  async open(): Promise<void> {
    await this.#pool.query(TABLES);
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  /** Store one message and commit; a used key gives the earlier message, and `duplicate`. */
  async store(
    user: string,
    { to, text, idempotency_key: key }: NewMessage,
  ): Promise<{ message: StoredMessage; duplicate: boolean }> {
    const [first, second] = user < to ? [user, to] : [to, user];
    const createdAt = new Date().toISOString();
    const values = [randomUUID(), first, second, randomUUID(), user, text, key, createdAt];
    try {
      return { message: await this.#one("store", STORE, values), duplicate: false };
    } catch (error) {
      if (!(error instanceof pg.DatabaseError) || error.code !== UNIQUE_VIOLATION) throw error;
      return { message: await this.#one("known", KNOWN, [user, key]), duplicate: true };
    }
  }

  async #one(name: string, text: string, values: unknown[]): Promise<StoredMessage> {
    const { rows } = await this.#pool.query<StoredMessage>({ name, text, values });
    const [row] = rows;
    if (row === undefined) throw new Error(`${name}: no row`);
    return row;
  }
}
