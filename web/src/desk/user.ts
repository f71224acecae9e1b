/** The moderator whose page it is. */

import { session } from "./session.ts";

/** Give the user of the session; screens are shown only while there is one. */
export function useUser(): string {
  const { value } = session;
  if (value.state !== "signed in" && value.state !== "ended")
    throw new Error("nobody is signed in");
  return value.session.user;
}
