import { TokenError } from "../errors.ts";
import type { TokenReason } from "./machine.ts";

/** Gives a token of the user, or null when nobody is signed in. `signal` tells that it is too late. */
export type GetToken = (
  reason: TokenReason,
  signal: AbortSignal,
) => Promise<string | null> | string | null;

/** The longest token that a server takes. */
const MAXIMUM_TOKEN = 7168;

/** Calls a token function. Gives a TokenError where it throws or gives no token. */
export async function fetchToken(
  getToken: GetToken,
  reason: TokenReason,
  signal: AbortSignal,
): Promise<string | null | TokenError> {
  let token: unknown;
  try {
    token = await getToken(reason, signal);
  } catch (error) {
    return new TokenError("threw", error);
  }
  if (token === null || token === undefined) return null;
  // A JWT; it has to be good as a header and as a subprotocol. It is not shown: it may be half good.
  if (typeof token === "string" && token.length <= MAXIMUM_TOKEN && /^[\w.~+-]+$/.test(token))
    return token;
  return new TokenError("invalid");
}
