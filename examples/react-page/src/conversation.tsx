/** One conversation: what was said, what is on its way, and its deal. */

import type { Row } from "@parley/client";
import { useClient, useConversationWith } from "@parley/client/react";
import { type FormEvent, useEffect } from "react";
import { Deal } from "./deal.tsx";

export function Conversation({ peer, subject }: { peer: string; subject: string | undefined }) {
  const [view, conversation] = useConversationWith(peer, subject);
  const { rows, hasOlder, peerReadUpTo, typing, unread, error } = view;
  useEffect(() => {
    // What is shown counts as read. If that fails, the next message marks it again.
    if (unread) conversation.markRead().catch(() => {});
  }, [unread, conversation]);

  function say(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    // The row says how it goes, also if it fails.
    conversation.send(String(new FormData(form).get("text"))).catch(() => {});
    form.reset();
  }

  return (
    <main>
      <h1>
        {peer} {subject}
      </h1>
      {error && <p role="alert">{error.message}</p>}
      {hasOlder && (
        <button type="button" onClick={() => void conversation.loadOlder()}>
          Older
        </button>
      )}
      <ol role="log">
        {rows.map((row) => (
          <Line key={row.key} row={row} readUpTo={peerReadUpTo} />
        ))}
      </ol>
      <p aria-live="polite">{typing && `${peer} is typing`}</p>
      <form onSubmit={say}>
        <input
          name="text"
          aria-label="Message"
          autoComplete="off"
          required
          onInput={() => conversation.typing()}
        />
        <button type="submit">Send</button>
      </form>
      <Deal conversation={conversation} />
    </main>
  );
}

function Line({ row, readUpTo }: { row: Row; readUpTo: number }) {
  const { outbox, user } = useClient();
  if (row.state === "stored") {
    const { sender, text, event, tombstone, seq } = row.message;
    return (
      <li className={sender === user ? "mine" : "theirs"}>
        {text ?? (event ? `${event.title}: ${event.cause}` : `(${tombstone})`)}
        {sender === user && seq <= readUpTo && <small>read</small>}
      </li>
    );
  }
  return (
    <li className="mine pending">
      {row.text} <small>{row.error?.message ?? row.state}</small>
      {row.state === "failed" && (
        <>
          <button type="button" onClick={() => void outbox.retry(row.key).catch(() => {})}>
            Again
          </button>
          <button type="button" onClick={() => void outbox.discard(row.key)}>
            Discard
          </button>
        </>
      )}
      {row.state === "queued" && (
        <button type="button" onClick={() => void outbox.cancel(row.key)}>
          Cancel
        </button>
      )}
    </li>
  );
}
