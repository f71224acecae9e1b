/** Tokens for Parley: short-lived JWTs, signed by HS256 or EdDSA with nothing but node:crypto. */

import {
  createHmac,
  createPrivateKey,
  createSecretKey,
  type KeyObject,
  randomUUID,
  sign,
} from "node:crypto";
import { readFileSync } from "node:fs";

const MINIMUM_SECRET_BYTES = 32;

/** What all tokens of this server have in common. Times are in seconds. */
export interface Issuer {
  key: KeyObject;
  lifetime: number;
  /** The name of the key in a JWKS document, of a public key that Parley fetches. */
  keyId?: string | undefined;
  issuer?: string | undefined;
  audience?: string | undefined;
}

/** Read the key of a file: a private key of Ed25519 as PEM, or else a secret for HS256. */
export function readKey(path: string): KeyObject {
  const text = readFileSync(path, "utf8").trim();
  if (text.startsWith("-----BEGIN")) {
    const key = createPrivateKey(text);
    if (key.asymmetricKeyType !== "ed25519") {
      throw new Error(`${path}: a key of ${key.asymmetricKeyType}; EdDSA wants one of Ed25519`);
    }
    return key;
  }
  const secret = Buffer.from(text);
  if (secret.length < MINIMUM_SECRET_BYTES) {
    throw new Error(`${path}: a secret needs at least ${MINIMUM_SECRET_BYTES} bytes`);
  }
  return createSecretKey(secret);
}

/** Mint a token of a user; each has a `jti` of its own, so that one alone can be revoked. */
export function mint(issuer: Issuer, user: string, now: number = Date.now() / 1000): string {
  const symmetric = issuer.key.type === "secret";
  const header = { alg: symmetric ? "HS256" : "EdDSA", typ: "JWT", kid: issuer.keyId };
  const issued = Math.floor(now);
  const claims = {
    sub: user,
    iat: issued,
    exp: issued + issuer.lifetime,
    jti: randomUUID(),
    iss: issuer.issuer,
    aud: issuer.audience,
  };
  // JSON leaves out what is undefined.
  const signed = `${encoded(header)}.${encoded(claims)}`;
  const signature = symmetric
    ? createHmac("sha256", issuer.key).update(signed).digest()
    : sign(null, Buffer.from(signed), issuer.key);
  return `${signed}.${signature.toString("base64url")}`;
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
