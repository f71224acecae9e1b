type Target = Pick<EventTarget, "addEventListener" | "removeEventListener">;

/**
 * Calls `wake` when a browser says that the page, the machine or the network is back: a connection
 * may have ended meanwhile without a word, and timers may have stood still. Gives the function that
 * ends it.
 */
export function watchWakeUps(wake: () => void): () => void {
  const here = globalThis as Partial<Target> & { document?: Partial<Target> };
  const targets: [Partial<Target> | undefined, string[]][] = [
    [here, ["online", "pageshow", "focus"]],
    [here.document, ["visibilitychange", "resume"]],
  ];
  const set = (does: "addEventListener" | "removeEventListener") => {
    for (const [target, names] of targets) for (const name of names) target?.[does]?.(name, wake);
  };
  set("addEventListener");
  return () => set("removeEventListener");
}
