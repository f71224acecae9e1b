/** Words that several apps share. */

import { translator } from "./language.ts";
import en from "./messages/en.json";
import fr from "./messages/fr.json";

export type SharedMessageKey = keyof typeof en;

/** Give a shared text, in the language of the page or in another one. */
export const sharedText = translator<SharedMessageKey>({ en, fr });
