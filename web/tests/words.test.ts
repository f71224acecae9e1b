import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { oneLine, type Piece, piecesOf } from "../src/shared/words.ts";

const links = (text: string) => piecesOf(text).filter((piece) => piece.kind === "link");

/** What a reader sees; hidden characters as themselves. */
function textOf(piece: Piece): string {
  if (piece.kind !== "hidden") return piece.text;
  return String.fromCodePoint(Number.parseInt(piece.name.slice(2), 16));
}

describe("piecesOf", () => {
  it("finds links of http and https alone, without the end of the sentence", () => {
    expect(links("See https://example.com/a(b)?c=1. Bye")).toEqual([
      {
        kind: "link",
        text: "https://example.com/a(b)?c=1",
        address: "https://example.com/a(b)?c=1",
        host: "example.com",
      },
    ]);
    for (const text of [
      "javascript:alert(1)",
      "data:text/html,<script>alert(1)</script>",
      "//example.com",
      "ftp://example.com",
      "https://",
      "http://:80",
    ]) {
      expect(links(text)).toEqual([]);
    }
  });

  it("takes no address for a link that has a name before its host", () => {
    expect(links("https://bank.example@evil.example/")).toEqual([]);
  });

  it("names the host as the browser will ask for it", () => {
    expect(links("https://раypal.example/")[0]).toMatchObject({ host: "xn--ypal-43d9g.example" });
  });

  it("ends a link where a hidden character would turn it around", () => {
    expect(piecesOf("https://a.example/\u202Etxt.exe")).toMatchObject([
      { kind: "link", address: "https://a.example/" },
      { kind: "hidden", name: "U+202E" },
      { kind: "words", text: "txt.exe" },
    ]);
  });

  it("shows controls, overrides and invisible characters, and leaves joiners and line ends", () => {
    for (const hidden of ["\u0000", "\u200b", "\u202e", "\u2066", "\ufeff", "\u{e0041}"]) {
      expect(piecesOf(`a${hidden}b`).map(({ kind }) => kind)).toEqual(["words", "hidden", "words"]);
    }
    expect(piecesOf("👩\u200d🔧 می\u200cخواهم\n\tx")).toHaveLength(1);
  });

  it("loses nothing and adds nothing", () => {
    const parts = fc.constantFrom(
      "https://a.b/c",
      "\u202e",
      " ",
      ".",
      "x",
      "@",
      "http://",
      "é",
      "😀",
    );
    const texts = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(parts).map((some) => some.join("")),
    );
    fc.assert(
      fc.property(texts, (text) => {
        expect(piecesOf(text).map(textOf).join("")).toBe(text);
      }),
    );
  });
});

it("writes one line, in which what is hidden is named", () => {
  expect(oneLine(" a\n\n b\u202ec ")).toBe("a b[U+202E]c");
});
