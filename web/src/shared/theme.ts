/** Light or dark. */

import { signal } from "@preact/signals";
import { recall, remember } from "./settings.ts";

/** `system` follows the settings of the machine. */
export const THEMES = ["system", "light", "dark"] as const;

export type Theme = (typeof THEMES)[number];

/** The theme that was chosen. */
export const theme = signal<Theme>(THEMES.find((one) => one === recall("theme")) ?? "system");

/** Show another theme from now on, also after the page was loaded anew. */
export function applyTheme(chosen: Theme): void {
  remember("theme", chosen);
  theme.value = chosen;
}
