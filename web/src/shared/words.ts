/** Text of strangers, taken apart so that it is shown as what it is. */

/** A piece of a text: words, a link, or a character that is not seen, or changes the order of others. */
export type Piece =
  | { readonly kind: "words"; readonly text: string }
  | {
      readonly kind: "link";
      readonly text: string;
      readonly address: string;
      readonly host: string;
    }
  | { readonly kind: "hidden"; readonly name: string };

// Controls but for tabs and line ends; marks, overrides and isolates of direction; invisible characters.
// Joiners (U+200C, U+200D) belong to scripts and emoji.
const HIDDEN = String.raw`\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}`;
// What is hidden ends an address, which would be shown otherwise than it is.
const SPECIAL = new RegExp(`([${HIDDEN}])|(https?://[^\\s<>"'\`\\\\${HIDDEN}]+)`, "giu");
// What ends a sentence rather than an address.
const ENDS = /[.,;:!?)\]}»”’]+$/u;

/** Take a text apart; the pieces in their order are the whole of it. */
export function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const { 0: found, 1: character, index } of text.matchAll(SPECIAL)) {
    const piece = character === undefined ? link(found) : hidden(character);
    if (!piece) continue;
    if (index > end) pieces.push({ kind: "words", text: text.slice(end, index) });
    pieces.push(piece);
    end = index + (piece.kind === "link" ? piece.text.length : found.length);
  }
  if (end < text.length) pieces.push({ kind: "words", text: text.slice(end) });
  return pieces;
}

/** Write a text in one line, for lists, titles and notifications: what is hidden is named there too. */
export function oneLine(text: string): string {
  return piecesOf(text)
    .map((piece) => (piece.kind === "hidden" ? `[${piece.name}]` : piece.text))
    .join("")
    .replace(/\s+/gu, " ")
    .trim();
}

function hidden(character: string): Piece {
  const code = character.codePointAt(0) as number;
  return { kind: "hidden", name: `U+${code.toString(16).toUpperCase().padStart(4, "0")}` };
}

function link(found: string): Piece | undefined {
  const text = found.replace(ENDS, "");
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // An address with a name before its host is meant to look like another.
  if (!url?.hostname || url.username || url.password) return undefined;
  return { kind: "link", text, address: url.href, host: url.host };
}
