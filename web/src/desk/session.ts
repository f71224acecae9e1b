/** The session at the desk: by a cookie of the browser, which no script can read. */

import { signal } from "@preact/signals";
import { path, pathOf } from "../shared/router.ts";
import { call, type Failure, failureOf, onRefusal, type Refusal, sendCsrfToken } from "./api.ts";
import type { SessionView } from "./generated/api.ts";

/** A role that the desk has screens for. */
export type Role = SessionView["roles"][number];

/** How it stands with the session. */
export type SessionState =
  | { readonly state: "starting" }
  | { readonly state: "signed out"; readonly problem?: Failure | undefined }
  | { readonly state: "signed in"; readonly session: SessionView }
  /** It has expired or was ended: the page stays, for what was written there must not be lost. */
  | {
      readonly state: "ended";
      readonly session: SessionView;
      readonly problem?: Failure | undefined;
    }
  /** The role was taken away: nothing is shown any more. */
  | { readonly state: "not allowed" };

export const session = signal<SessionState>({ state: "starting" });

/** The page on which moderators sign in, where the settings say one. */
export const signInAddress = signal<string | undefined>(undefined);

const LINK = /^#token=([^&]+)/;

onRefusal((refusal) => {
  const { value } = session;
  if (value.state !== "signed in") return;
  // The session of another tab has taken the place of this one's.
  if (refusal.reason === "csrf") void renew();
  else if (refusal.problem.status === 401)
    session.value = { state: "ended", session: value.session };
  else if (isRoleGone(refusal)) session.value = { state: "not allowed" };
});

function isRoleGone({ problem }: Refusal): boolean {
  return problem.status === 403 && problem.reason === "role_required";
}

/** Take the token out of the address, in which nobody is to see or copy it. Undefined if it has none. */
export function takeToken(): string | undefined {
  const token = LINK.exec(location.hash)?.[1];
  if (!token) return undefined;
  history.replaceState(null, "", location.pathname + location.search);
  path.value = pathOf(location.hash);
  return token;
}

/** Go on with the session that there is, or begin one by the link that was opened. */
export async function start(): Promise<void> {
  const token = takeToken();
  void readConfiguration();
  if (token !== undefined) {
    await signIn(token);
    return;
  }
  try {
    enter(await call("GET /session"));
  } catch (error) {
    const failure = failureOf(error);
    const isNone = failure.name === "Refusal" && failure.problem.status === 401;
    session.value = { state: "signed out", problem: isNone ? undefined : failure };
  }
}

/** Begin a session with a token; `session` says how it went. */
export async function signIn(token: string): Promise<void> {
  const { value } = session;
  try {
    enter(await call("POST /session", { body: { token } }));
  } catch (error) {
    const problem = failureOf(error);
    const isGone = problem.name === "Refusal" && isRoleGone(problem);
    if (value.state !== "ended") session.value = { state: "signed out", problem };
    else session.value = isGone ? { state: "not allowed" } : { ...value, problem };
  }
}

/** End the session, on this browser and at the desk. */
export async function signOut(): Promise<void> {
  try {
    await call("DELETE /session");
  } catch (error) {
    const failure = failureOf(error);
    // One that is over is what was wanted.
    if (failure.name !== "Refusal" || failure.problem.status !== 401) throw failure;
  }
  // Nothing of what was shown stays in the memory of the page.
  location.reload();
}

/** Sign in anew when a link is opened in a tab that shows the desk already. */
export function followLinks(): void {
  addEventListener("hashchange", () => {
    const token = takeToken();
    if (token !== undefined) void signIn(token);
  });
}

/** Ask how it stands with the session; `session` says so from then on. */
export async function renew(): Promise<void> {
  try {
    enter(await call("GET /session"));
  } catch (error) {
    // A session that is over was told of; whether somebody answers is for others to say.
    failureOf(error);
  }
}

function enter(view: SessionView): void {
  const { value } = session;
  sendCsrfToken(view.csrf_token);
  const before = "session" in value ? value.session : undefined;
  if (before && before.user !== view.user) {
    // Another person is not shown what the first has seen and written.
    location.reload();
    return;
  }
  // Each request makes it last longer, which changes nothing of the page.
  if (value.state === "signed in" && before?.csrf_token === view.csrf_token) return;
  session.value = { state: "signed in", session: view };
}

async function readConfiguration(): Promise<void> {
  try {
    signInAddress.value = (await call("GET /config.json")).sign_in_url ?? undefined;
  } catch (error) {
    // The page can be used without it.
    failureOf(error);
  }
}
