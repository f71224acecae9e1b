import type { JSX } from "preact";
import { piecesOf } from "../words.ts";

/** Text of a person: as text alone, in its own direction, with links that say where they lead. */
export function Words({ text }: { readonly text: string }): JSX.Element {
  return (
    <bdi class="words" dir="auto">
      {piecesOf(text).map((piece, place) => {
        // Pieces have no other name than their place, and none of them has a state.
        const key = `${place}`;
        if (piece.kind === "words") return <span key={key}>{piece.text}</span>;
        if (piece.kind === "hidden") {
          return (
            <code key={key} class="hidden-character">
              {piece.name}
            </code>
          );
        }
        const isPlain = piece.text.toLowerCase().includes(`//${piece.host}`);
        return (
          <span key={key}>
            <a href={piece.address} target="_blank" rel="noopener noreferrer nofollow">
              {piece.text}
            </a>
            {/* Where letters of another script look like those of a known name. */}
            {!isPlain && <span class="link-host"> ({piece.host})</span>}
          </span>
        );
      })}
    </bdi>
  );
}
