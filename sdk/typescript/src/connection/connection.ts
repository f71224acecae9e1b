import { type Codec, json } from "../codec/json.ts";
import {
  ClientClosed,
  type ParleyError,
  ProtocolError,
  Rejected,
  rejection,
  WrongUser,
} from "../errors.ts";
import { type Event, eventsOf } from "../events/events.ts";
import { Feed } from "../events/feed.ts";
import type { AnswerTo, PayloadOf } from "../generated/packets.ts";
import * as ops from "../generated/packets.ts";
import type { ClientOp, Data, Packet } from "../protocol.ts";
import { Greetings } from "./greeting.ts";
import { Link, type LinkOptions } from "./link.ts";
import { backoff, type Model, type State, TIMING, type Timing } from "./machine.ts";
import { Questions, Requests } from "./requests.ts";
import { Resumption } from "./resumption.ts";
import type { GetToken } from "./token.ts";

/** The limits of what a client holds. */
export interface Limits {
  /** Events that wait to be handled; beyond it the socket is dropped until they are. */
  readonly maxQueuedEvents: number;
  /** Questions that wait to be answered. */
  readonly maxQuestions: number;
}

/** The options of a connection. Times are in milliseconds; all but `url` and the token have defaults. */
export interface ConnectionOptions extends Partial<Timing>, Partial<Limits> {
  /** The address of the socket, such as `wss://chat.example/ws`. */
  readonly url: string;
  /** A token that is never replaced but by `setToken`, or the function that gives one. */
  readonly token: string | GetToken;
  /** The user who must be connected. Without it that is the first whom HELLO names. */
  readonly user?: string;
  readonly codec?: Codec;
  /** Sees every packet of both directions, before anybody else. */
  readonly observe?: (direction: "<=" | "=>", packet: Packet) => void;
  readonly WebSocket?: typeof globalThis.WebSocket;
  readonly fetch?: typeof globalThis.fetch;
}

const DEFAULTS = {
  ...TIMING,
  maxQueuedEvents: 10_000,
  maxQuestions: 1_000,
  codec: json,
  // A browser's must be called without another object.
  fetch: (...request: Parameters<typeof fetch>) => globalThis.fetch(...request),
};

/** A connection that comes back by itself: token, resume, events in order, and questions. */
export class Connection {
  protected readonly requests: Requests;
  readonly #link: Link;
  readonly #feed: Feed<Event>;
  readonly #questions: Questions;
  readonly #resumption: Resumption;
  readonly #greetings = new Greetings();
  readonly #settings: LinkOptions & Limits & ConnectionOptions;
  readonly #listeners = new Set<() => void>();
  #user: string | undefined;
  #confirmed: string | undefined;

  constructor(options: ConnectionOptions) {
    const settings = { ...DEFAULTS, WebSocket: globalThis.WebSocket, ...options };
    this.#settings = settings;
    this.#user = options.user;
    this.#feed = new Feed(
      settings.maxQueuedEvents,
      (cursor) => {
        this.#confirmed = cursor;
        this.confirmed(cursor);
      },
      () => this.#link.input({ type: "caughtUp" }),
    );
    this.requests = new Requests((packet, limit) => this.#send(packet, limit));
    const pause = (error: Rejected | undefined, attempts: number) => this.pause(error, attempts);
    this.#questions = new Questions(this.requests, settings.maxQuestions, pause);
    this.#link = new Link(settings, {
      ready: async () => {
        const stored = await this.restore();
        this.#user ??= stored.user;
        this.#confirmed ??= stored.cursor;
        this.#resumption.seen ??= stored.cursor;
        return this.#resumption.seen;
      },
      received: (packet) => this.#receive(packet),
      lost: () => this.lost(),
      failed: (error) => this.tellError(error),
      changed: (model) => this.#changed(model),
      renew: (token) => this.#renew(token),
    });
    this.#resumption = new Resumption(settings.maxQueuedEvents, {
      request: (cur, answered) => this.requests.send(ops.RESUME, { cur }, answered),
      pause,
      input: (type) => this.#link.input({ type }),
      reset: () => {
        this.forget();
        this.push({ type: "reset" });
      },
      tell: (packet) => this.#tell(packet),
      cover: (cursor) => this.#feed.cover(cursor),
    });
  }

  /** The state of the connection. */
  get state(): State {
    return this.#link.model.state;
  }

  /** Why the connection is in a state in which it is not live. */
  get reason(): ParleyError | undefined {
    return this.#link.model.reason;
  }

  /** When a connection that waits tries again, in milliseconds since 1970. */
  get retryAt(): number | undefined {
    const { state, deadline } = this.#link.model;
    if ((state !== "waiting" && state !== "refused") || deadline === Infinity) return undefined;
    return Math.round(Date.now() + deadline - this.#link.now());
  }

  /** How HELLO calls the user, or the option or the store did before. */
  get user(): string | undefined {
    return this.#user;
  }

  /** Connects, now also when it waits or was refused. It goes on by itself until `close()`. */
  connect(): void {
    this.#link.input({ type: "connect" });
  }

  /** Gives another token, or has the token function called anew. */
  setToken(token?: string): void {
    this.#link.input({ type: "setToken", token });
  }

  /** Ends everything, for good: nothing is told after it. */
  async close(): Promise<void> {
    this.#feed.close();
    this.#link.input({ type: "close" });
    this.#questions.fail(new ClientClosed());
    // Whoever waits for a state learns that there will be none.
    this.notify();
    this.#listeners.clear();
  }

  /** Calls `listener` with each event in order; the next waits until its promise is done. */
  on(listener: (event: Event) => unknown): () => void {
    return this.#feed.on(listener);
  }

  /** The events from now on, over any number of sockets, until `close()`. One is confirmed when the next is asked for. */
  events(options: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<Event> {
    return this.#feed.iterate(options.signal);
  }

  /** Calls `listener` whenever the state has changed. */
  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Asks a question until it is answered, over any number of sockets. Rejects with a typed error. */
  async ask<Op extends ClientOp>(
    op: Op,
    d: PayloadOf<Op>,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<AnswerTo<Op>> {
    const { state, reason } = this.#link.model;
    if (state === "closed") throw new ClientClosed();
    if (reason && (state === "unauthorized" || state === "refused")) throw reason;
    return (await this.#questions.ask(op, d as Data, options.signal)) as AnswerTo<Op>;
  }

  /** Sends a packet that has no answer, such as TYPING; it is lost where there is no connection. */
  tell<Op extends ClientOp>(op: Op, d: PayloadOf<Op>): void {
    if (this.requests.open) this.#send({ op, d: d as Data });
  }

  /** Gives the user and the cursor of before; called before the first socket is opened. */
  protected async restore(): Promise<{ readonly user?: string; readonly cursor?: string }> {
    return {};
  }

  /** Called with each cursor up to which everything is handled. */
  protected confirmed(_cursor: string): void {}

  /** Called with each packet, before events tell of it. */
  protected take(_packet: Packet): void {}

  /** Called when nothing of before is true any more. */
  protected forget(): void {}

  /** Called when HELLO has named the user. */
  protected greeted(_user: string): void {}

  /** Called when packets may be sent: after each HELLO. */
  protected opened(): void {
    this.#questions.flush();
  }

  /** Called when a socket is gone. */
  protected lost(): void {
    this.requests.lost();
    this.#questions.lost();
    this.#resumption.lost();
  }

  protected push(event: Event, cursor?: string): void {
    this.#feed.push(event, cursor);
    if (this.#feed.full) this.#link.input({ type: "overflow" });
  }

  protected tellError(error: ParleyError): void {
    this.push({ type: "error", error });
  }

  /** Tells that the server did not answer; with no frame meanwhile the socket is given up. */
  protected suspect(since: number): void {
    if (this.#link.model.lastFrame < since) this.#link.input({ type: "suspect" });
  }

  /** The clock of the connection. */
  protected now(): number {
    return this.#link.now();
  }

  /** Gives the time to wait before something is sent again, in milliseconds. */
  protected pause(error: Rejected | undefined, attempts: number): number {
    const asked = Math.min(error?.retryAfterMs ?? 0, this.#settings.serverDelayLimit);
    return asked + backoff(this.#settings, attempts, Math.random);
  }

  protected notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  #send(packet: Packet, limit = Infinity): ParleyError | undefined {
    this.#settings.observe?.("=>", packet);
    return this.#link.send(packet, limit);
  }

  #changed({ state, reason }: Model): void {
    const { retryAt } = this;
    this.push({
      type: "state",
      state,
      ...(reason && { reason }),
      ...(retryAt !== undefined && { retryAt }),
    });
    if (reason && (state === "unauthorized" || state === "refused")) this.#questions.fail(reason);
    if (state !== "closed") this.notify();
  }

  #receive(packet: Packet): void {
    this.#settings.observe?.("<=", packet);
    const { op, d, re, cur } = packet;
    if (this.#link.model.phase === "hello") {
      this.#greet(packet);
      return;
    }
    this.#link.input({ type: "frame", progress: op !== ops.PING });
    this.take(packet);
    if (op === ops.PING) {
      if (cur) this.#resumption.cover(cur);
      const confirmed = this.state === "live" ? this.#confirmed : undefined;
      this.#send({ op: ops.PONG, d: confirmed === undefined ? {} : { cur: confirmed } });
    } else if (op === ops.RECONNECT)
      this.#link.input({ type: "reconnect", delay: Number(d["delay_ms"]) });
    else if (re !== undefined) {
      // The cursor of a page says that it was shown, which is so when it is answered.
      if (cur && op !== ops.RESUMED) this.#resumption.cover(cur);
      this.requests.take(packet);
    } else if (op === ops.RESUMED) this.#resumption.resumed(d, false);
    else this.#resumption.take(packet);
  }

  #greet({ op, d }: Packet): void {
    if (op !== ops.HELLO) throw new ProtocolError(`packet ${op} before HELLO`);
    const greeting = this.#greetings.read(d, this.#link.now());
    const found = greeting.user.normalize();
    if (this.#user !== undefined && this.#user.normalize() !== found) {
      this.#link.input({ type: "wrongUser", error: new WrongUser(this.#user, found) });
      return;
    }
    this.#user = found;
    this.greeted(found);
    const live = this.#resumption.greeted(greeting);
    this.requests.open = true;
    this.requests.limit = greeting.maxPacketBytes;
    this.#link.input({ type: "hello", greeting: { ...greeting, live } });
    // Whoever was told of it may have closed the client.
    if (!this.requests.open) return;
    this.#resumption.opened();
    this.opened();
  }

  #renew(token: string): void {
    this.requests.send(ops.RENEW_TOKEN, { token }, (answer) => {
      if (answer instanceof Error)
        this.#link.input({
          type: "renewFailed",
          error: answer instanceof Rejected ? answer : undefined,
        });
      else {
        const { life } = this.#greetings.read(answer, this.#link.now());
        this.#link.input({ type: "renewed", life });
      }
    });
  }

  /** Tells of a packet that was pushed, in its place. */
  #tell(packet: Packet): void {
    const { op, d, cur } = packet;
    if (op === ops.ERROR) {
      if (this.state === "live") this.tellError(rejection(d));
      return;
    }
    // A packet that cannot be read raises an error here, and comes again with the next socket.
    const told = eventsOf(packet);
    if (cur) this.#resumption.seen = cur;
    for (const [event, fact] of told) if (this.#resumption.isNew(fact)) this.push(event);
    if (cur) this.#feed.cover(cur);
  }
}
