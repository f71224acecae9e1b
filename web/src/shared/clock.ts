/** The time, for what ends at one. */

import { useEffect, useState } from "preact/hooks";

const EVERY_MS = 30_000;

/** Give the time, in milliseconds since 1970, and render anew as it goes on and exactly at `end`. */
export function useNow(end?: string): number {
  const [now, setNow] = useState(Date.now);
  const left = end === undefined ? EVERY_MS : Date.parse(end) - now;
  useEffect(() => {
    const wait = left > 0 ? Math.min(left + 50, EVERY_MS) : EVERY_MS;
    const timer = setTimeout(() => setNow(Date.now()), wait);
    return () => clearTimeout(timer);
  }, [now, left]);
  return now;
}
