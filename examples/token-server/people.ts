/** People and their passwords, in a JSON file: names with salted scrypt hashes. */

import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";

const HASH_BYTES = 32;
// 128 * N * r bytes: 32 MiB for each password that is checked.
const SCRYPT = { N: 2 ** 15, r: 8, p: 1, maxmem: 2 ** 26 };
const MAXIMUM_NAME_LENGTH = 128;
const MAXIMUM_PASSWORD_LENGTH = 1024;

/** The accounts of a file. A password is never kept, and never compared in the clear. */
export class People {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Make an account, or give one another password. */
  async add(name: string, password: string): Promise<void> {
    const user = written(name);
    if (user === "" || user.length > MAXIMUM_NAME_LENGTH) {
      throw new Error(`a name has 1 to ${MAXIMUM_NAME_LENGTH} characters`);
    }
    if (password === "" || password.length > MAXIMUM_PASSWORD_LENGTH) {
      throw new Error(`a password has 1 to ${MAXIMUM_PASSWORD_LENGTH} characters`);
    }
    const salt = randomBytes(16);
    const hash = await derive(password, salt);
    const hashes = this.#read();
    hashes.set(user, `${salt.toString("base64url")}.${hash.toString("base64url")}`);
    // Whoever reads meanwhile finds the old file or the new one.
    const draft = `${this.#path}.new`;
    const content = JSON.stringify(Object.fromEntries(hashes), null, 2);
    writeFileSync(draft, `${content}\n`, { mode: 0o600 });
    renameSync(draft, this.#path);
  }

  /** Give the name as it is kept if the password is right, else null. */
  async check(name: string, password: string): Promise<string | null> {
    if (password.length > MAXIMUM_PASSWORD_LENGTH) return null;
    const user = written(name);
    const stored = this.#read().get(user);
    // An unknown name takes as long as a wrong password, so that nobody learns who has an account.
    const [salt = "", hash = ""] = (stored ?? ".").split(".");
    const derived = await derive(password, Buffer.from(salt, "base64url"));
    const expected = Buffer.alloc(HASH_BYTES);
    Buffer.from(hash, "base64url").copy(expected);
    return timingSafeEqual(derived, expected) && stored !== undefined ? user : null;
  }

  #read(): Map<string, string> {
    if (!existsSync(this.#path)) return new Map();
    const stored: Record<string, string> = JSON.parse(readFileSync(this.#path, "utf8"));
    return new Map(Object.entries(stored));
  }
}

/** Write a name as Parley keeps it, so that one person is one user. */
function written(name: string): string {
  return name.normalize("NFC").trim();
}

function derive(password: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password.normalize("NFC"), salt, HASH_BYTES, SCRYPT, (error, hash) => {
      if (error) reject(error);
      else resolve(hash);
    });
  });
}

// `node people.ts FILE NAME` takes the password from standard input, which no list of processes shows.
if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [path, name] = process.argv.slice(2);
  if (path === undefined || name === undefined) {
    process.stderr.write("usage: node people.ts FILE NAME < password\n");
    process.exitCode = 2;
  } else {
    await new People(path).add(name, (await text(process.stdin)).trimEnd());
  }
}
