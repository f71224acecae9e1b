import type { Data } from "../protocol.ts";
import type { Found } from "./machine.ts";

/** What the body of an answer may say: a standing, or a problem. */
interface Standing {
  readonly reason: string;
  readonly banned: boolean;
  readonly suspended_until: string;
}

/**
 * Finds out over HTTP why a handshake failed, for a WebSocket is not told. `GET standing`, beside
 * the address of the socket, tells of the token and of who is banned; the address itself whether
 * there is a server. Status 0: nothing could be found out.
 */
export async function probe(
  { fetch, url }: { readonly fetch: typeof globalThis.fetch; readonly url: string },
  token: string,
  signal: AbortSignal,
): Promise<Found> {
  const ask = async (address: URL, headers: Record<string, string> = {}): Promise<Found> => {
    const answer = await fetch(address, { headers, signal });
    const body = (await answer.json().catch(() => null)) as Partial<Standing> | null;
    const { reason = "", banned, suspended_until } = body ?? {};
    const seconds = answer.headers.get("Retry-After");
    const now = Date.parse(answer.headers.get("Date") ?? "") || Date.now();
    return {
      status: answer.status,
      reason,
      retryAfter: seconds ? Number(seconds) * 1000 || 0 : undefined,
      standing: answer.ok && (banned || suspended_until) ? (body as Data) : undefined,
      suspendedFor: banned ? undefined : Date.parse(suspended_until ?? "") - now || undefined,
    };
  };
  try {
    const address = new URL(url);
    address.protocol = address.protocol.replace("ws", "http");
    const found = await ask(new URL("standing", address), { Authorization: `Bearer ${token}` });
    // A proxy may know the address of the socket alone.
    if (found.standing || (found.status >= 400 && found.status !== 404)) return found;
    const socket = await ask(address);
    // That an upgrade is required says that all is well.
    if (socket.status >= 400 && socket.status !== 426) return socket;
  } catch {
    // There is no network, or the page may not read the answer: the backoff goes on.
  }
  return { status: 0 };
}
