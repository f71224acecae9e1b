import type { Data } from "../protocol.ts";
import type { Found } from "./machine.ts";

/**
 * Finds out over HTTP why a handshake failed, for a WebSocket is not told. `GET standing`, beside
 * the address of the socket, tells of the token and of who is banned; the address itself whether
 * there is a server. Status 0: nothing could be found out.
 */
export async function probe(
  fetch: typeof globalThis.fetch,
  url: string,
  token: string,
  signal: AbortSignal,
): Promise<Found> {
  const found: Found = {
    status: 0,
    reason: "",
    retryAfter: undefined,
    standing: undefined,
    suspendedFor: undefined,
  };
  const ask = async (address: URL, headers: Record<string, string>): Promise<Found> => {
    const answer = await fetch(address, { headers, signal, cache: "no-store" });
    const body = (await answer.json().catch(() => ({}))) as Data | null;
    const seconds = answer.headers.get("Retry-After");
    const restricted = body?.["banned"] === true || typeof body?.["suspended_until"] === "string";
    const until = Date.parse(String(body?.["suspended_until"]));
    const now = Date.parse(answer.headers.get("Date") ?? "") || Date.now();
    return {
      status: answer.status,
      reason: typeof body?.["reason"] === "string" ? body["reason"] : "",
      retryAfter: seconds === null ? undefined : Number(seconds) * 1000 || 0,
      standing: answer.ok && restricted ? (body as Data) : undefined,
      suspendedFor: body?.["banned"] === true || Number.isNaN(until) ? undefined : until - now,
    };
  };
  try {
    const address = new URL(url);
    address.protocol = address.protocol.replace("ws", "http");
    const standing = await ask(new URL("standing", address), { Authorization: `Bearer ${token}` });
    // A proxy may know the address of the socket alone.
    if (standing.standing || (standing.status >= 400 && standing.status !== 404)) return standing;
    const socket = await ask(address, {});
    // That an upgrade is required says that all is well.
    return socket.status === 426 || socket.status < 400 ? found : socket;
  } catch {
    // There is no network, or the page may not read the answer: the backoff goes on.
    return found;
  }
}
