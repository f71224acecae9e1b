/** The standing of a user who is let into no socket, asked for over HTTP. */

import { Banned, type Client, type ConnectionView, type Standing } from "@parley/client";
import { type Signal, signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { useSnapshot } from "../../shared/stores.ts";
import { type Session, useSession } from "../session.ts";
import { isLetIn } from "./rules.ts";

/** How often it is looked whether an appeal was granted: nothing is pushed to who has no socket. */
const LOOK_EVERY_MS = 30_000;

/** The newest standing of a user who is not let in, or why it could not be asked for. */
export interface Restriction {
  readonly standing?: Standing | undefined;
  readonly error?: unknown;
}

const known = new WeakMap<Client, Signal<Restriction>>();

/** Give the restriction of a client; components that read it render anew when it changes. */
export function restrictionOf(client: Client): Signal<Restriction> {
  const restriction = known.get(client) ?? signal({});
  known.set(client, restriction);
  return restriction;
}

/** Tell whether the server lets this user in no more, as far as is known. */
export function isRestricted({ state, reason }: ConnectionView): boolean {
  return state === "refused" && reason instanceof Banned;
}

/** Ask for the standing, and connect when it lets this user in. */
export async function look({ client, http }: Session): Promise<void> {
  const restriction = restrictionOf(client);
  try {
    const standing = await http.standing();
    restriction.value = { standing };
    if (isLetIn(standing, Date.now())) client.connect();
  } catch (error) {
    restriction.value = { ...restriction.value, error };
  }
}

/** Look again and again while the user is not let in and the page is in front. Tells whether that is so. */
export function useRestriction(): boolean {
  const session = useSession();
  const view = useSnapshot(session.client.connection);
  const isOut = isRestricted(view);
  useEffect(() => {
    if (!isOut) return;
    const standing = view.reason instanceof Banned ? view.reason.standing : undefined;
    const restriction = restrictionOf(session.client);
    restriction.value = { standing: standing as Standing | undefined };
    const lookNow = () => {
      if (!document.hidden) void look(session);
    };
    // Why it is not let in the client has found out just now.
    if (!standing) lookNow();
    const timer = setInterval(lookNow, LOOK_EVERY_MS);
    document.addEventListener("visibilitychange", lookNow);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", lookNow);
    };
  }, [isOut, session]);
  return isOut;
}
