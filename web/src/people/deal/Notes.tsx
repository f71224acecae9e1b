import type { DealView } from "@parley/client";
import type { JSX } from "preact";
import { Words } from "../../shared/components/Words.tsx";
import { dayAndTime } from "../../shared/format.ts";
import { oneLine } from "../../shared/words.ts";
import { t } from "../messages.ts";
import { useSession } from "../session.ts";
import { peerOf } from "./words.ts";

type Note = NonNullable<NonNullable<DealView["notes"]>["mine"]>;

/** The notes of both: sealed until both have written, or the time is over. */
export function Notes({ deal }: { readonly deal: DealView }): JSX.Element | null {
  const { user } = useSession();
  const { notes } = deal;
  const peer = oneLine(peerOf(deal, user));
  const until = deal.deadlines["notes"];
  if (!notes || !(notes.mine || notes.theirs || notes.revealed_at || until)) return null;
  return (
    <section class="deal-notes" aria-label={t("deal.notes")}>
      <h3>{t("deal.notes")}</h3>
      {notes.mine && <OneNote title={t("deal.note_mine")} note={notes.mine} />}
      {notes.theirs && <OneNote title={t("deal.note_theirs", { peer })} note={notes.theirs} />}
      {notes.revealed_at ? (
        !notes.theirs && <p>{t("deal.note_none", { peer })}</p>
      ) : (
        <p>
          {t(notes.mine ? "deal.note_sealed" : "deal.note_wanted", {
            peer,
            when: until ? dayAndTime(until) : "",
          })}
        </p>
      )}
    </section>
  );
}

function OneNote({ title, note }: { readonly title: string; readonly note: Note }): JSX.Element {
  return (
    <div class="deal-note">
      <p>
        {title} <strong>{t("deal.note_score", { score: note.score })}</strong>
      </p>
      {note.comment && (
        <p class="bubble">
          <Words text={note.comment} />
        </p>
      )}
    </div>
  );
}
