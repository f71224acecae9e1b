/** `<parley-inbox>` and `<parley-chat>`, which this module defines. */

import { effect, type Signal, signal, untracked } from "@preact/signals";
import type { JSX } from "preact";
import type { Session } from "../people/session.ts";
import type { ParleyChat as Chat, ParleyInbox as Inbox, Place } from "./declared.d.ts";
import { ParleyElement } from "./element.tsx";
import { ChatScreen, InboxScreen } from "./views.tsx";

export { signOut } from "./sessions.ts";

/** The conversations of whoever is signed in. */
export class ParleyInbox extends ParleyElement implements Inbox {
  readonly #current = signal<string | undefined>(undefined);

  get htmlFor(): string {
    return this.getAttribute("for") ?? "";
  }

  set htmlFor(id: string) {
    this.setAttribute("for", id);
  }

  override connectedCallback(): void {
    this.takeProperties("htmlFor");
    super.connectedCallback();
  }

  protected override screen(): JSX.Element {
    return <InboxScreen current={this.#current} />;
  }

  protected override opened(place: Place): void {
    if (!this.tell("parley-open", place)) return;
    this.#current.value = "conversation" in place ? place.conversation : undefined;
    const root = this.getRootNode() as Document | ShadowRoot;
    const chat = this.htmlFor ? root.getElementById(this.htmlFor) : null;
    if (chat instanceof ParleyChat) chat.open(place);
  }

  protected override watch({ client }: Session): () => void {
    const { conversationList } = client;
    const tell = unreadTeller(this);
    const look = () => {
      const unread = conversationList.getSnapshot().conversations.map((one) => one.unread);
      const messages = unread.reduce((sum, count) => sum + count, 0);
      tell({ conversations: unread.filter(Boolean).length, messages });
    };
    const end = conversationList.subscribe(look);
    look();
    return end;
  }
}

const PLACE: readonly string[] = ["conversation", "with", "subject"];

/** A conversation with its deal. */
export class ParleyChat extends ParleyElement implements Chat {
  static override observedAttributes = [...ParleyElement.observedAttributes, ...PLACE];

  readonly #place: Signal<Place | undefined> = signal(undefined);

  get conversation(): string {
    return this.getAttribute("conversation") ?? "";
  }

  set conversation(id: string) {
    this.setAttribute("conversation", id);
  }

  get with(): string {
    return this.getAttribute("with") ?? "";
  }

  set with(user: string) {
    this.setAttribute("with", user);
  }

  get subject(): string {
    return this.getAttribute("subject") ?? "";
  }

  set subject(subject: string) {
    this.setAttribute("subject", subject);
  }

  open(place: Place): void {
    const named: Record<string, string | undefined> = { ...place };
    for (const name of PLACE) {
      const value = named[name];
      if (value) this.setAttribute(name, value);
      else this.removeAttribute(name);
    }
  }

  override connectedCallback(): void {
    this.takeProperties("conversation", "with", "subject");
    super.connectedCallback();
  }

  override attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    super.attributeChangedCallback(name, before, now);
    if (PLACE.includes(name)) this.#place.value = this.#named();
  }

  protected override screen(): JSX.Element {
    return <ChatScreen place={this.#place} />;
  }

  protected override opened(place: Place, isSame: boolean): void {
    const isWanted = this.tell("parley-open", place);
    if (isWanted && !isSame && JSON.stringify(place) !== JSON.stringify(this.#place.value))
      this.open(place);
  }

  protected override watch({ client, user }: Session): () => void {
    const tell = unreadTeller(this);
    return effect(() => {
      const { value } = this.#place;
      if (!value || ("with" in value && value.with.normalize() === user)) return undefined;
      const store =
        "conversation" in value
          ? client.conversation(value.conversation)
          : client.conversationWith(value.with, value.subject ? { subject: value.subject } : {});
      const look = () => {
        const { unread } = store.getSnapshot();
        tell({ conversations: unread ? 1 : 0, messages: unread });
      };
      const end = store.subscribe(look);
      // The page may look at anything when it is told.
      untracked(look);
      return end;
    });
  }

  #named(): Place | undefined {
    const { conversation, with: user, subject } = this;
    if (conversation) return { conversation };
    return user ? { with: user, ...(subject && { subject }) } : undefined;
  }
}

interface Unread {
  readonly conversations: number;
  readonly messages: number;
}

/** Give a function that tells the page how much is unread, whenever that is another number. */
function unreadTeller(element: ParleyElement): (unread: Unread) => void {
  let before: string | undefined;
  return (unread) => {
    const now = JSON.stringify(unread);
    if (now !== before) element.tell("parley-unread", unread);
    before = now;
  };
}

const ELEMENTS = { "parley-inbox": ParleyInbox, "parley-chat": ParleyChat };

for (const [name, element] of Object.entries(ELEMENTS)) {
  // A page that loads two copies keeps the first.
  if (!customElements.get(name)) customElements.define(name, element);
}
