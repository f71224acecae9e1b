/** The first token of an element, which says whose client it shows. */

import { TokenError } from "@parley/client";
import { fetchToken, userOf } from "../people/sign-in.ts";
import type { GetToken } from "./declared.d.ts";

/** For how long a token is waited for, in milliseconds, as the client does. */
const TOKEN_TIMEOUT = 10_000;

/** A token, and the user whom it names. */
export interface First {
  readonly token: string;
  readonly user: string;
}

/** Elements of one page that ask at the same time ask once. */
const asking = new WeakMap<GetToken, Promise<First | null>>();
const byAddress = new Map<string, GetToken>();

/** Give the function that asks an address for tokens: one for all elements that name it. */
export function tokensFrom(address: string): GetToken {
  let known = byAddress.get(address);
  if (!known) {
    known = (_reason, signal) => fetchToken(address, signal);
    byAddress.set(address, known);
  }
  return known;
}

/** Ask for a token; null when nobody is signed in. Rejects with a TokenError when there is none to be had. */
export function firstToken(getToken: GetToken): Promise<First | null> {
  let answer = asking.get(getToken);
  if (!answer) {
    answer = ask(getToken).finally(() => asking.delete(getToken));
    asking.set(getToken, answer);
  }
  return answer;
}

async function ask(getToken: GetToken): Promise<First | null> {
  const ending = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new TokenError("timeout"));
      ending.abort();
    }, TOKEN_TIMEOUT);
  });
  try {
    const given = await Promise.race([called(getToken, ending.signal), late]);
    if (given === null || given === undefined) return null;
    const user = typeof given === "string" ? userOf(given) : undefined;
    if (user === undefined) throw new TokenError("invalid");
    return { token: given, user };
  } finally {
    clearTimeout(timer);
  }
}

async function called(getToken: GetToken, signal: AbortSignal): Promise<string | null> {
  try {
    return await getToken("connect", signal);
  } catch (error) {
    throw new TokenError("threw", error);
  }
}
