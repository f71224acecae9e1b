/**
 * The elements of `parley.js`: an inbox and a chat for the pages of a marketplace.
 *
 * docs/web.md says how they are put into a page, and how they look.
 */

/** Gives a token of whoever is signed in at the marketplace, or null when nobody is. `signal` tells that it is too late. */
export type GetToken = (
  reason: "connect" | "expiring" | "refused",
  signal: AbortSignal,
) => Promise<string | null> | string | null;

/** How the connection stands, as `@parley/client` names it. */
export type State =
  | "idle"
  | "connecting"
  | "resuming"
  | "live"
  | "waiting"
  | "unauthorized"
  | "refused"
  | "closed";

/** A conversation by its id, or by the person with whom it is, and what it is about. */
export type Place =
  | { readonly conversation: string }
  | { readonly with: string; readonly subject?: string };

/** Something that somebody wants to see. */
export type OpenEvent = CustomEvent<Place>;

/** How much is unread, in an inbox of what it has loaded, in a chat of its conversation. */
export type UnreadEvent = CustomEvent<{
  readonly conversations: number;
  readonly messages: number;
}>;

export type StateEvent = CustomEvent<{ readonly state: State; readonly user: string }>;

/**
 * Something went wrong, and the element says so too. `code` is `TOKEN_MISSING` (no `getToken`), `TOKEN_THREW`,
 * `TOKEN_TIMEOUT`, `TOKEN_INVALID`, `SIGNED_OUT`, `URL_INVALID`, or that of an error of `@parley/client`.
 */
export type ErrorEvent = CustomEvent<{
  readonly code: string;
  readonly message: string;
  readonly error?: unknown;
}>;

/** Events of both elements; they bubble, also out of shadow roots. */
export interface ParleyEventMap {
  "parley-open": OpenEvent;
  "parley-back": CustomEvent<undefined>;
  "parley-unread": UnreadEvent;
  "parley-state": StateEvent;
  "parley-error": ErrorEvent;
}

interface ParleyElement extends HTMLElement {
  /** Gives tokens; another function begins anew, for whoever is signed in then. */
  getToken: GetToken | undefined;
  /** Attribute `url`: the address of the socket. Without it that is `/ws` of the page's own host. */
  url: string;
  /** Attribute `token-url`: gives a token by `POST` with the page's cookies. `getToken` goes before it. */
  tokenUrl: string;
  /** Attribute `language`, "en" or "fr", for all elements of the page. Without it that of the page. */
  language: string;
  /** Attribute `theme`: "light", "dark", or "system". Without it the `color-scheme` of the page. */
  theme: string;
  /** The user who is signed in, once that is known. */
  readonly user: string | undefined;
  /** Begins anew: asks for a token, and shows whoever is signed in. */
  restart(): void;
  addEventListener<Type extends keyof ParleyEventMap>(
    type: Type,
    listener: (this: this, event: ParleyEventMap[Type]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener<Type extends keyof HTMLElementEventMap>(
    type: Type,
    listener: (this: this, event: HTMLElementEventMap[Type]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

/** `<parley-inbox>`: the conversations. */
export interface ParleyInbox extends ParleyElement {
  /** Attribute `for`: the id of a `<parley-chat>` that shows what is opened, unless `parley-open` is prevented. */
  htmlFor: string;
}

/** `<parley-chat>`: a conversation with its deal. */
export interface ParleyChat extends ParleyElement {
  /** Attribute `conversation`: the id of the conversation. It goes before `with`. */
  conversation: string;
  /** Attribute `with`: the user with whom it is. The first message begins it. */
  with: string;
  /** Attribute `subject`: what it is about, beside `with`. */
  subject: string;
  /** Shows another conversation: sets these attributes. */
  open(place: Place): void;
}

export declare const ParleyInbox: { new (): ParleyInbox; prototype: ParleyInbox };
export declare const ParleyChat: { new (): ParleyChat; prototype: ParleyChat };

/**
 * Forgets whoever is signed in: closes all connections, forgets what the elements have shown, and asks for tokens
 * anew. What waits to be sent stays until its writer is back. Call it after the marketplace has signed them out.
 */
export declare function signOut(): Promise<void>;

declare global {
  interface HTMLElementTagNameMap {
    "parley-inbox": ParleyInbox;
    "parley-chat": ParleyChat;
  }
}
