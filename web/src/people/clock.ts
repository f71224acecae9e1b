/** The time, for what ends at one. */

import { useEffect, useState } from "preact/hooks";
import { language } from "../shared/language.ts";

const EVERY_MS = 30_000;
const STEPS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
] as const;

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

/** Write how long it is until a time: "in 2 days". */
export function fromNow(time: string, now: number): string {
  const left = Date.parse(time) - now;
  const [unit, length] = STEPS.find(([, one]) => Math.abs(left) >= one) ?? ["minute", 60_000];
  const format = new Intl.RelativeTimeFormat(language.value, { numeric: "auto" });
  return format.format(Math.trunc(left / length), unit);
}
