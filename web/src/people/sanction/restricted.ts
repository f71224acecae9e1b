/** The standing of a user who is let into no socket, asked for over HTTP. */

import { Banned, type ConnectionView, type Standing } from "@parley/client";
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { useSnapshot } from "../../shared/stores.ts";
import { type Session, useSession } from "../session.ts";
import { isLetIn } from "./rules.ts";

/** How often it is looked whether an appeal was granted: nothing is pushed to who has no socket. */
const LOOK_EVERY_MS = 30_000;

/** The newest standing, for as long as the user is not let in. */
export const standing = signal<Standing | undefined>(undefined);

/** The error of the last look, if it failed. */
export const lookError = signal<unknown>(undefined);

/** Tell whether the server lets this user in no more, as far as is known. */
export function isRestricted({ state, reason }: ConnectionView): boolean {
  return state === "refused" && reason instanceof Banned;
}

/** Ask for the standing, and connect when it lets this user in. */
export async function look({ client, http }: Session): Promise<void> {
  try {
    const told = await http.standing();
    lookError.value = undefined;
    if (isLetIn(told, Date.now())) client.connect();
    else standing.value = told;
  } catch (error) {
    lookError.value = error;
  }
}

/** Look again and again while the user is not let in and the page is in front. Tells whether that is so. */
export function useRestriction(): boolean {
  const session = useSession();
  const view = useSnapshot(session.client.connection);
  const isOut = isRestricted(view);
  useEffect(() => {
    if (!isOut) return;
    const told = view.reason instanceof Banned ? view.reason.standing : undefined;
    standing.value = told as Standing | undefined;
    const lookNow = () => {
      if (!document.hidden) void look(session);
    };
    // Why it is not let in the client has found out just now.
    if (!told) lookNow();
    const timer = setInterval(lookNow, LOOK_EVERY_MS);
    document.addEventListener("visibilitychange", lookNow);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", lookNow);
      standing.value = undefined;
      lookError.value = undefined;
    };
  }, [isOut, session]);
  return isOut;
}
