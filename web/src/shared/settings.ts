/** Settings that this browser remembers, or this page alone where the browser denies storage. */

const memory = new Map<string, string>();
const PREFIX = "parley.";

/** Give what was remembered under a name. */
export function recall(name: string): string | undefined {
  const kept = memory.get(name);
  if (kept !== undefined) return kept;
  try {
    return localStorage.getItem(PREFIX + name) ?? undefined;
  } catch {
    // The browser denies storage: what this page was told is in `memory`.
    return undefined;
  }
}

/** Remember a text under a name, or forget it. Tell whether it outlasts this page. */
export function remember(name: string, text: string | undefined): boolean {
  try {
    if (text === undefined) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, text);
    memory.delete(name);
    return true;
  } catch {
    // Denied, or full.
    if (text === undefined) memory.delete(name);
    else memory.set(name, text);
    return false;
  }
}
