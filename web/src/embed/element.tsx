import { ParleyError, SignedOut, type State, WrongUser } from "@parley/client";
import { signal } from "@preact/signals";
import { type JSX, render } from "preact";
import type { Session } from "../people/session.ts";
import { firstLanguage, language } from "../shared/language.ts";
import { type Path, pathOf } from "../shared/router.ts";
import type { GetToken, ParleyEventMap, Place } from "./declared.d.ts";
import { enter, leave } from "./sessions.ts";
import { dress } from "./styles.ts";
import { type First, firstToken, tokensFrom } from "./tokens.ts";
import { Frame, isAside, type Problem, type Standing } from "./views.tsx";

/** For how long a page may take to set `getToken` after the element is there, in milliseconds. */
const FUNCTION_PATIENCE = 1_000;
/** Between two tries to have a token, at least and at most, in milliseconds. */
const RETRY_BASE = 1_000;
const RETRY_CAP = 30_000;
/** Attributes that say whose conversations are shown, and where they are. */
const SOURCES: readonly string[] = ["url", "token-url"];

let isLanguageNamed = false;

/** An element that shows a part of the people's app to whoever is signed in at the page around it. */
export abstract class ParleyElement extends HTMLElement {
  static observedAttributes: readonly string[] = [...SOURCES, "language"];

  readonly #standing = signal<Standing>({ state: "starting" });
  /** A screen that takes the place of the element's own until somebody goes on: a dispute, reports, decisions. */
  readonly #aside = signal<Path | undefined>(undefined);
  #getToken: GetToken | undefined;
  #isShown = false;
  /** Ends what belongs to the present session, or to the present try to have one. */
  #end: () => void = () => {};

  get url(): string {
    return this.getAttribute("url") ?? "";
  }

  set url(url: string) {
    this.setAttribute("url", url);
  }

  get tokenUrl(): string {
    return this.getAttribute("token-url") ?? "";
  }

  set tokenUrl(address: string) {
    this.setAttribute("token-url", address);
  }

  get language(): string {
    return this.getAttribute("language") ?? "";
  }

  set language(name: string) {
    this.setAttribute("language", name);
  }

  get theme(): string {
    return this.getAttribute("theme") ?? "";
  }

  set theme(name: string) {
    this.setAttribute("theme", name);
  }

  get getToken(): GetToken | undefined {
    return this.#getToken;
  }

  set getToken(getToken: GetToken | undefined) {
    if (getToken === this.#getToken) return;
    this.#getToken = getToken;
    this.restart();
  }

  get user(): string | undefined {
    const { value } = this.#standing;
    return value.state === "signed in" ? value.session.user : undefined;
  }

  restart(): void {
    if (this.#isShown) this.#begin();
  }

  connectedCallback(): void {
    // It was moved: it goes on as it is.
    if (this.#isShown) return;
    this.#isShown = true;
    this.takeProperties("getToken", "url", "tokenUrl", "language", "theme");
    const root = this.shadowRoot ?? this.#open();
    this.#chooseLanguage();
    render(
      <Frame
        standing={this.#standing}
        aside={this.#aside}
        go={(to, options) => this.go(to, options?.replace)}
        onRetry={() => this.restart()}
      >
        {this.screen()}
      </Frame>,
      root,
    );
    this.#begin();
  }

  disconnectedCallback(): void {
    queueMicrotask(() => {
      if (this.isConnected || !this.#isShown) return;
      this.#isShown = false;
      this.#leave();
      if (this.shadowRoot) render(null, this.shadowRoot);
    });
  }

  /** Moved within the document: nothing to be done, and nothing to be lost. */
  connectedMoveCallback(): void {}

  adoptedCallback(): void {
    if (this.shadowRoot) dress(this.shadowRoot);
  }

  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (before === now) return;
    if (name === "language" && this.isConnected) this.#chooseLanguage();
    if (SOURCES.includes(name)) this.restart();
  }

  /** The part of the app. It has a session. */
  protected abstract screen(): JSX.Element;

  /** Somebody wants to see something, or what is shown has got another name (`isSame`). */
  protected abstract opened(place: Place, isSame: boolean): void;

  /** Watch a session for as long as it is shown; gives the function that ends it. */
  protected abstract watch(session: Session): () => void;

  /** Take over what a page has set before the element was defined. */
  protected takeProperties(...names: (keyof this & string)[]): void {
    for (const name of names) {
      if (!Object.hasOwn(this, name)) continue;
      const value = this[name];
      Reflect.deleteProperty(this, name);
      this[name] = value;
    }
  }

  /** Tell the page; false when it has prevented what follows. */
  tell<Type extends keyof ParleyEventMap & string>(
    type: Type,
    detail: ParleyEventMap[Type]["detail"],
  ): boolean {
    const options = { bubbles: true, composed: true, cancelable: type === "parley-open", detail };
    return this.dispatchEvent(new CustomEvent(type, options));
  }

  protected go(to: Path, isSame = false): void {
    const [place, first, second] = to;
    this.#aside.value = isAside(place) ? to : undefined;
    if (place === undefined) this.tell("parley-back", undefined);
    else if (place === "c" && first) this.opened({ conversation: first }, isSame);
    else if (place === "with" && first)
      this.opened({ with: first, ...(second && { subject: second }) }, isSame);
  }

  #open(): ShadowRoot {
    const root = this.attachShadow({ mode: "open" });
    dress(root);
    // Places of the app are no places of the page: nothing is to follow its links but the element.
    const follow = (event: Event) => {
      const link = (event.target as Element).closest('a[href^="#/"]');
      if (!(link instanceof HTMLAnchorElement)) return;
      event.preventDefault();
      this.go(pathOf(link.hash));
    };
    root.addEventListener("click", follow);
    root.addEventListener("auxclick", follow);
    return root;
  }

  #chooseLanguage(): void {
    // What an element names counts for all of them.
    if (!this.language && isLanguageNamed) return;
    isLanguageNamed = !!this.language;
    const around = this.parentElement?.closest<HTMLElement>("[lang]")?.lang;
    language.value = firstLanguage(this.language || undefined, around);
  }

  #leave(): void {
    this.#end();
    this.#end = () => {};
  }

  /** Ask for a token, and show its user. `failed` is how often that has failed. */
  #begin(failed = 0): void {
    this.#leave();
    this.#aside.value = undefined;
    // What went wrong is shown for as long as it does.
    if (!failed) this.#standing.value = { state: "starting" };
    const server = socketAddress(this.url);
    if (server === undefined) {
      this.#fail("no address", new ParleyError("URL_INVALID", `${this.url} is no address`));
      return;
    }
    const getToken = this.#getToken ?? (this.tokenUrl ? tokensFrom(this.tokenUrl) : undefined);
    if (!getToken) {
      // Frameworks set properties after the element is in the page.
      const missing = new ParleyError("TOKEN_MISSING", "neither getToken nor token-url is set");
      const timer = setTimeout(() => this.#fail("no function", missing), FUNCTION_PATIENCE);
      this.#end = () => clearTimeout(timer);
      return;
    }
    let isOver = false;
    this.#end = () => {
      isOver = true;
    };
    firstToken(getToken).then(
      (first) => {
        if (isOver) return;
        if (first) this.#show(server, first, getToken);
        else this.#fail("signed out", new SignedOut());
      },
      (error: ParleyError) => {
        if (isOver) return;
        this.#fail("no token", error);
        this.#retry(failed + 1);
      },
    );
  }

  #show(server: string, first: First, getToken: GetToken): void {
    const holder = { getToken, restart: () => this.restart() };
    const session = enter(server, first, holder);
    const { client, user } = session;
    let told: State | undefined;
    const tellState = () => {
      const { state, reason } = client;
      if (state === told) return;
      told = state;
      this.tell("parley-state", { state, user });
      if (reason instanceof WrongUser) void this.#follow(getToken, user);
    };
    const ends = [
      client.on((event) => {
        if (event.type === "error") this.#tellError(event.error);
      }),
      client.connection.subscribe(tellState),
      this.watch(session),
      () => leave(session, holder),
    ];
    this.#end = () => {
      for (const end of ends) end();
    };
    this.#standing.value = { state: "signed in", session };
    tellState();
  }

  /** Somebody else has signed in at the marketplace: from now on the element is theirs. */
  async #follow(getToken: GetToken, user: string): Promise<void> {
    // Where there is no token the connection goes on saying whose page it is not.
    const first = await firstToken(getToken).catch(() => null);
    if (first && first.user !== user && this.user === user) this.restart();
  }

  #fail(problem: Problem, error: ParleyError): void {
    this.#standing.value = { state: "problem", problem };
    this.#tellError(error);
  }

  #tellError(error: ParleyError): void {
    const { code, message } = error;
    this.tell("parley-error", { code, message, error });
  }

  /** Try again in a while, or when the network is back. */
  #retry(failed: number): void {
    const again = () => this.#begin(failed);
    const most = Math.min(RETRY_CAP, RETRY_BASE * 2 ** failed);
    const timer = setTimeout(again, RETRY_BASE + Math.random() * (most - RETRY_BASE));
    addEventListener("online", again, { once: true });
    this.#end = () => {
      clearTimeout(timer);
      removeEventListener("online", again);
    };
  }
}

/** Give the address of a socket, from the page where it is not whole; undefined where it is none. */
function socketAddress(said: string): string | undefined {
  const from = document.baseURI;
  if (!URL.canParse(said || "/ws", from)) return undefined;
  const url = new URL(said || "/ws", from);
  url.protocol = url.protocol.replace(/^http/, "ws");
  url.hash = "";
  return /^wss?:$/.test(url.protocol) ? url.href : undefined;
}
