import type { ConversationStore, ConversationView, StoredRow } from "@parley/client";
import type { JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { Banner } from "../../shared/components/Banner.tsx";
import { Button } from "../../shared/components/Button.tsx";
import { Field } from "../../shared/components/Field.tsx";
import { recall, remember } from "../../shared/settings.ts";
import { oneLine } from "../../shared/words.ts";
import { t } from "../messages.ts";
import { useSession } from "../session.ts";
import { failureWords } from "./failures.ts";

/** The most characters that a server takes by its default settings. */
const LONGEST_TEXT = 4_000;

interface Props {
  readonly store: ConversationStore;
  readonly view: ConversationView;
  /** The message that is given another text, if any. */
  readonly editing: StoredRow | undefined;
  readonly onEdited: () => void;
}

/** The place to write. What is typed is kept for this conversation until it is sent. */
export function Composer({ store, view, editing, onEdited }: Props): JSX.Element {
  const { client, user, server } = useSession();
  const nameOf = (...of: unknown[]) => `draft ${JSON.stringify([server, user, ...of])}`;
  // With whom it is may be told only later.
  const early = nameOf(view.conversation);
  const draft = view.peer ? nameOf(view.peer, view.subject) : early;
  const change = nameOf("edit", editing?.message.message);
  const [text, setText] = useState(recall(draft) ?? "");
  const [edited, setEdited] = useState("");
  const [error, setError] = useState<string>();
  const field = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    if (editing) return;
    const typed = draft === early ? undefined : recall(early);
    const words = [recall(draft), typed].filter(Boolean).join("\n");
    setText(words);
    if (!typed) return;
    remember(early, undefined);
    remember(draft, words);
  }, [draft, editing]);
  useLayoutEffect(() => {
    if (!editing) return;
    setEdited(recall(change) ?? editing.message.text ?? "");
    // The person has asked to write here.
    field.current?.focus();
    // What is typed stays when the message changes meanwhile.
  }, [editing?.key]);
  if (view.blocked && view.peer) {
    const { peer } = view;
    return (
      <Banner
        actions={
          <Button
            onClick={() => {
              client.unblock(peer).catch((cause) => setError(failureWords(cause)));
            }}
          >
            {t("composer.unblock")}
          </Button>
        }
      >
        {t("composer.blocked", { peer: oneLine(peer) })} {error}
      </Banner>
    );
  }
  const shown = editing ? edited : text;
  const tombstone = editing?.message.tombstone;
  const type = (typed: string) => {
    setError(undefined);
    if (editing) {
      setEdited(typed);
      remember(change, typed);
    } else {
      setText(typed);
      remember(draft, typed || undefined);
      store.typing(typed !== "");
    }
  };
  const stopEditing = () => {
    remember(change, undefined);
    onEdited();
  };
  const send = () => {
    const words = shown.trim();
    if (!words) return;
    if (tombstone) {
      setError(t("composer.not_saved"));
      return;
    }
    if ([...words].length > LONGEST_TEXT) {
      setError(t("composer.too_long", { count: [...words].length, limit: LONGEST_TEXT }));
      return;
    }
    const said = editing ? store.edit(editing.message.message, words) : store.send(words);
    said.catch((cause: unknown) => {
      // What was stored is shown as a row, which says why it failed; this was not taken at all.
      const { name } = cause as Error;
      if (name !== "OutboxFull" && name !== "PacketTooLarge" && name !== "InvalidPacket") return;
      setError(failureWords(cause));
      remember(editing ? change : draft, words);
      if (!editing) setText(words);
    });
    if (editing) stopEditing();
    else type("");
  };
  return (
    <form
      class="composer"
      part="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      {editing && (
        <Banner
          kind={tombstone ? "error" : "info"}
          actions={
            <>
              {tombstone && edited.trim() && (
                <Button
                  onClick={() => {
                    remember(draft, [recall(draft), edited.trim()].filter(Boolean).join("\n"));
                    stopEditing();
                    field.current?.focus();
                  }}
                >
                  {t("composer.as_new")}
                </Button>
              )}
              <Button onClick={stopEditing}>{t("action.cancel")}</Button>
            </>
          }
        >
          {t(
            tombstone === "removed"
              ? "composer.removed_meanwhile"
              : tombstone
                ? "composer.deleted_meanwhile"
                : "composer.editing",
          )}
        </Banner>
      )}
      <Field label={t(editing ? "composer.edit_label" : "composer.label")} error={error}>
        <textarea
          ref={field}
          rows={2}
          dir="auto"
          value={shown}
          enterkeyhint="send"
          onInput={(event) => type(event.currentTarget.value)}
          onBlur={() => store.typing(false)}
          onKeyDown={(event) => {
            if (event.key === "Escape" && editing) stopEditing();
            // Enter while characters are being composed chooses one of them.
            if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
            event.preventDefault();
            send();
          }}
        />
      </Field>
      <Button type="submit" kind="primary">
        {t(editing ? "composer.save" : "composer.send")}
      </Button>
    </form>
  );
}
