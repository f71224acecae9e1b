/** The language of a page that is an app of its own, told to browsers and screen readers. */

import { effect } from "@preact/signals";
import { language } from "./language.ts";

effect(() => {
  document.documentElement.lang = language.value;
});
