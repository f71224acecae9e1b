/** The list of conversations, and the one that is open. */

import { useConversations } from "@parley/client/react";
import { type FormEvent, useState } from "react";
import { Conversation } from "./conversation.tsx";

/** A conversation by its person, which is all that is known of a new one. */
interface Place {
  peer: string;
  subject: string | undefined;
}

export function Inbox() {
  const [place, setPlace] = useState<Place>();
  const [{ conversations, hasMore, error }, list] = useConversations();
  function begin(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setPlace({ peer: String(form.get("peer")), subject: String(form.get("subject")) || undefined });
  }
  return (
    <>
      <nav aria-label="Conversations">
        <form onSubmit={begin}>
          <input name="peer" placeholder="With" aria-label="With" required />
          <input name="subject" placeholder="About" aria-label="About" />
          <button type="submit">Talk</button>
        </form>
        {error && <p role="alert">{error.message}</p>}
        <ul>
          {conversations.map(({ conversation, peer = "", subject, unread, lastMessage, deal }) => (
            <li key={conversation}>
              <button type="button" onClick={() => setPlace({ peer, subject })}>
                <strong>{peer}</strong> {subject} {unread > 0 && <mark>{unread}</mark>}
                <small>{deal ? `${deal.title}: ${deal.state}` : lastMessage?.text}</small>
              </button>
            </li>
          ))}
        </ul>
        {hasMore && (
          <button type="button" onClick={() => void list.loadMore()}>
            More
          </button>
        )}
      </nav>
      {place && <Conversation key={JSON.stringify(place)} {...place} />}
    </>
  );
}
