/** The look of the elements: one style sheet of a document for all of them, which no policy of the page refuses. */

import frame from "../shared/frame.css?inline";
import theme from "../shared/theme.css?inline";
import embed from "./embed.css?inline";

/** Those of the app's parts, whichever there are. */
const parts = import.meta.glob<string>("../people/**/*.css", {
  query: "?inline",
  import: "default",
  eager: true,
});

const sheets = new WeakMap<Document, CSSStyleSheet>();

/** Give a shadow root its look; anew when it has come into another document. */
export function dress(root: ShadowRoot): void {
  const { ownerDocument } = root;
  let sheet = sheets.get(ownerDocument);
  if (!sheet) {
    const { CSSStyleSheet: Sheet } = ownerDocument.defaultView ?? globalThis;
    sheet = new Sheet();
    sheet.replaceSync([theme, frame, ...Object.values(parts), embed].join("\n"));
    sheets.set(ownerDocument, sheet);
  }
  root.adoptedStyleSheets = [sheet];
}

// `rem` is the size of the page's own text, which may be anything; the build writes `--parley-unit` in its place.
try {
  CSS.registerProperty({
    name: "--parley-unit",
    syntax: "<length>",
    inherits: true,
    initialValue: "16px",
  });
} catch {
  // A second copy of this module has registered it, or the browser cannot: then it is 1em, which is near.
}
