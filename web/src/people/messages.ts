/** The words of the people's app. */

import { translator } from "../shared/language.ts";
import en from "./messages/en.json";
import fr from "./messages/fr.json";

export type MessageKey = keyof typeof en;

/** Give a text of the people's app in the language of the page. */
export const t = translator<MessageKey>({ en, fr });
