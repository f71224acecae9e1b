/** The work of others, told by the desk as it happens. */

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { CaseEvent, DisputeEvent } from "./generated/api.ts";
import { renew } from "./session.ts";

/** Something has happened; `reset`: anything may have, and what is shown is loaded anew. */
export type Happening =
  | { readonly kind: "case"; readonly event: CaseEvent }
  | { readonly kind: "dispute"; readonly event: DisputeEvent }
  | { readonly kind: "reset" };

/** Whether what others do is seen: `away` is moderation behind the desk, `lost` the way to the desk. */
export type Liveness = "connecting" | "live" | "away" | "lost";

export const liveness = signal<Liveness>("connecting");

/** The time in milliseconds, often enough for claims that lapse and for what falls due. */
export const now = signal(Date.now());

const TICK_MS = 5_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
const NAP_MS = 10_000;

const listeners = new Set<(happening: Happening) => void>();
let source: EventSource | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;
let nap: ReturnType<typeof setTimeout> | undefined;
let clock: ReturnType<typeof setInterval> | undefined;
let pause = FIRST_PAUSE_MS;
let hasFollowed = false;

/** Follow the desk until `stopFollowing`, while the page can be seen. */
export function follow(): void {
  document.addEventListener("visibilitychange", sleepOrWake);
  now.value = Date.now();
  clock ??= setInterval(() => {
    now.value = Date.now();
  }, TICK_MS);
  open();
}

/** Follow the desk no more. */
export function stopFollowing(): void {
  document.removeEventListener("visibilitychange", sleepOrWake);
  clearTimeout(nap);
  clearInterval(clock);
  clock = undefined;
  close();
}

/** A browser has few connections to one host, which pages that nobody sees must not keep from the others. */
function sleepOrWake(): void {
  clearTimeout(nap);
  if (document.hidden) {
    nap = setTimeout(close, NAP_MS);
    return;
  }
  // Another may have signed in meanwhile, in another tab.
  void renew();
  open();
}

function open(): void {
  if (source || timer !== undefined) return;
  const stream = new EventSource("./events");
  source = stream;
  stream.addEventListener("ready", () => {
    pause = FIRST_PAUSE_MS;
    // The time in between was told to nobody.
    if (hasFollowed) tell({ kind: "reset" });
    hasFollowed = true;
    liveness.value = "live";
  });
  stream.addEventListener("away", () => {
    liveness.value = "away";
  });
  stream.addEventListener("reset", () => tell({ kind: "reset" }));
  stream.addEventListener("case", ({ data }) => tell({ kind: "case", event: JSON.parse(data) }));
  stream.addEventListener("dispute", ({ data }) =>
    tell({ kind: "dispute", event: JSON.parse(data) }),
  );
  stream.addEventListener("error", () => {
    liveness.value = "lost";
    // Of a refusal the browser tells no reason and does not try again.
    if (stream.readyState === EventSource.CLOSED) comeBack();
  });
}

function close(): void {
  source?.close();
  source = undefined;
  clearTimeout(timer);
  timer = undefined;
  liveness.value = "connecting";
}

/** Ask whether there still is a session, which ends the page if not, and follow again after a pause. */
function comeBack(): void {
  source?.close();
  source = undefined;
  const wait = pause * (0.5 + Math.random());
  pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  timer = setTimeout(() => {
    timer = undefined;
    open();
  }, wait);
  void renew();
}

function tell(happening: Happening): void {
  now.value = Date.now();
  for (const listener of [...listeners]) listener(happening);
}

/** Have a component hear of what happens. */
export function useHappenings(listener: (happening: Happening) => void): void {
  const latest = useRef(listener);
  latest.current = listener;
  useEffect(() => {
    const hear = (happening: Happening) => latest.current(happening);
    listeners.add(hear);
    return () => {
      listeners.delete(hear);
    };
  }, []);
}
