/** The language and the theme of a page that is an app of its own, told to browsers and screen readers. */

import { effect } from "@preact/signals";
import { language } from "./language.ts";
import { theme } from "./theme.ts";

effect(() => {
  document.documentElement.lang = language.value;
});

effect(() => {
  const { value } = theme;
  if (value === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = value;
});
