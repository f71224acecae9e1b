import type { JSX } from "preact";

const PATHS = {
  back: "M11 3 6 8l5 5",
  clock: "M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 0 0 0-13M8 4.5V8l2.5 2",
  tick: "m3 8.5 3.5 3.5L13 4.5",
  ticks: "m1 8.5 3 3.5 6-7.5M7.5 11l1 1 6.5-7.5",
  alert: "M8 2 1.5 14h13zM8 6.5v3.5M8 12v.5",
  more: "M3 8h.5M8 8h.5M13 8h.5",
} as const;

export type IconName = keyof typeof PATHS;

/** A picture beside words that say the same: screen readers pass over it. */
export function Icon({ name }: { readonly name: IconName }): JSX.Element {
  return (
    <svg class={`icon ${name}`} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
