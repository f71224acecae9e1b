/** The shell around the state machine: sockets, timers, the token function, and what is asked over HTTP. */
import type { Codec } from "../codec/json.ts";
import {
  HandshakeRefused,
  InvalidPacket,
  PacketTooLarge,
  type ParleyError,
  ProtocolError,
} from "../errors.ts";
import type { Packet } from "../protocol.ts";
import { startClock } from "./clock.ts";
import {
  dueAt,
  type Effect,
  type Input,
  initial,
  type Model,
  step,
  type Timing,
} from "./machine.ts";
import { probe } from "./probe.ts";
import { fetchToken, type GetToken } from "./token.ts";
import { watchWakeUps } from "./wake.ts";

/** The options of a link that have no default. */
export interface LinkOptions extends Timing {
  readonly url: string;
  readonly token: string | GetToken;
  readonly codec: Codec;
  readonly WebSocket: typeof globalThis.WebSocket;
  readonly fetch: typeof globalThis.fetch;
}

/** What a link tells whoever owns it. */
export interface LinkOwner {
  /** Gives the cursor to resume from, once it is known. */
  ready(): Promise<string | undefined>;
  received(packet: Packet): void;
  /** The socket is gone; what was not answered will not be. */
  lost(): void;
  failed(error: ParleyError): void;
  changed(model: Model): void;
  renew(token: string): void;
}

/** Timers that are set for longer do not fire in the right order, or at once. */
const LONGEST_TIMER = 3_600_000;

export class Link {
  readonly now = startClock();
  model: Model;
  readonly #options: LinkOptions;
  readonly #owner: LinkOwner;
  #socket: WebSocket | undefined;
  #fetching: AbortController | undefined;
  #probing: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAt = Infinity;
  #unwatch = () => {};
  // A step that is asked for by an effect of another one comes after it.
  readonly #inputs: Input[] = [];
  #stepping = false;

  constructor(options: LinkOptions, owner: LinkOwner) {
    this.#options = options;
    this.#owner = owner;
    this.model = initial(typeof options.token === "string" ? options.token : undefined);
  }

  /** Takes one step of the machine, and does what it says. */
  input(input: Input): void {
    this.#inputs.push(input);
    if (this.#stepping) return;
    this.#stepping = true;
    try {
      for (let next = this.#inputs.shift(); next; next = this.#inputs.shift()) this.#step(next);
    } finally {
      this.#stepping = false;
      this.#arm();
    }
  }

  /** Sends a packet, if there is a socket that takes it; gives the error of one that no socket takes. */
  send(packet: Packet, limit: number): ParleyError | undefined {
    let frame: string | Uint8Array<ArrayBuffer>;
    try {
      frame = this.#options.codec.encode(packet);
    } catch (cause) {
      return new InvalidPacket(cause);
    }
    // A character of a string takes three bytes at most.
    const bytes =
      typeof frame === "string" && frame.length * 3 > limit
        ? new TextEncoder().encode(frame).length
        : frame.length;
    if (bytes > limit) return new PacketTooLarge(limit);
    if (this.#socket?.readyState === 1) this.#socket.send(frame);
    return undefined;
  }

  #step(input: Input): void {
    const before = this.model;
    const [model, effects] = step(this.#options, before, input, this.now(), Math.random);
    this.model = model;
    for (const effect of effects) this.#do(effect);
    if (before.socket && !model.socket) this.#owner.lost();
    if (before.state === "idle" && model.state !== "idle")
      this.#unwatch = watchWakeUps(() => {
        // The timer may have stood still while the clock went on.
        this.#timerAt = Infinity;
        this.input({ type: "wake" });
      });
    if (model.state === "closed") this.#unwatch();
    if (before.state !== model.state || before.reason !== model.reason) this.#owner.changed(model);
  }

  #arm(): void {
    const due = dueAt(this.model);
    // A timer that comes early arms the next one.
    if (this.#timerAt <= due && due < Infinity) return;
    clearTimeout(this.#timer);
    this.#timerAt = due;
    if (due === Infinity) return;
    const delay = Math.min(Math.max(due - this.now(), 0), LONGEST_TIMER);
    this.#timer = setTimeout(() => {
      this.#timerAt = Infinity;
      this.input({ type: "tick" });
    }, delay);
  }

  #do(effect: Effect): void {
    switch (effect.do) {
      case "fetchToken": {
        const fetching = new AbortController();
        this.#fetching = fetching;
        const { token } = this.#options;
        const getToken = typeof token === "string" ? () => token : token;
        fetchToken(getToken, effect.reason, fetching.signal).then((fetched) => {
          if (this.#fetching === fetching) this.input({ type: "token", token: fetched });
        });
        break;
      }
      case "abortToken":
        this.#fetching?.abort();
        this.#fetching = undefined;
        break;
      case "open":
        this.#open(effect.token);
        break;
      case "drop":
        this.#socket?.close(1000);
        this.#socket = undefined;
        break;
      case "probe": {
        const probing = new AbortController();
        this.#probing = probing;
        probe(this.#options, effect.token, probing.signal).then((found) => {
          if (this.#probing === probing) this.input({ type: "probed", found });
        });
        break;
      }
      case "abortProbe":
        this.#probing?.abort();
        this.#probing = undefined;
        break;
      case "renew":
        this.#owner.renew(effect.token);
        break;
      case "tell":
        this.#owner.failed(effect.error);
        break;
    }
  }

  #open(token: string): void {
    // Its place is taken at once, so that a later one is not mixed up with it.
    const place = { close() {} } as unknown as WebSocket;
    this.#socket = place;
    this.#owner
      .ready()
      .then((cursor) => {
        if (this.#socket === place) this.#connect(token, cursor);
      })
      .catch((cause) => {
        // A page that came by TLS may open no socket without it, for instance.
        this.input({ type: "nonsense", error: new HandshakeRefused(0, String(cause)) });
      });
  }

  #connect(token: string, cursor: string | undefined): void {
    const { url, codec, WebSocket } = this.#options;
    const address = new URL(url);
    if (cursor) address.searchParams.set("resume", cursor);
    const socket = new WebSocket(address, [codec.subprotocol, `parley.bearer.${token}`]);
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    const mine = (then: (event: never) => void) => (event: unknown) => {
      if (this.#socket === socket) then(event as never);
    };
    socket.onopen = mine(() => this.input({ type: "opened" }));
    socket.onclose = mine(({ code, reason }: CloseEvent) => {
      this.#socket = undefined;
      this.input({ type: "closed", code, reason });
    });
    // The end follows it, and says more.
    socket.onerror = () => {};
    socket.onmessage = mine(({ data }: MessageEvent) => this.#receive(data));
  }

  #receive(data: string | ArrayBuffer): void {
    let packet: Packet;
    try {
      packet = this.#options.codec.decode(data);
    } catch (cause) {
      const error = new ProtocolError("no packet", cause);
      this.input({ type: "nonsense", error });
      return;
    }
    try {
      this.#owner.received(packet);
    } catch (cause) {
      // A payload that has not what it must have.
      const error = new ProtocolError(`packet ${packet.op} cannot be read`, cause);
      this.input({ type: "nonsense", error });
    }
  }
}
