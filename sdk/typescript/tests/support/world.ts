/** A server and a clock under the control of a test: what it sends is written by hand, time is virtual. */
import { afterEach, beforeEach, vi } from "vitest";
import { Client, type ClientOptions, type Event, type Packet } from "../../src/index.ts";

/** One socket of a client, seen from the server. */
export class Socket extends EventTarget {
  readonly url: string;
  readonly protocols: readonly string[];
  readonly sent: Packet[] = [];
  readyState = 0;
  binaryType = "blob";
  onopen: ((event: unknown) => void) | null = null;
  onmessage: ((event: unknown) => void) | null = null;
  onclose: ((event: unknown) => void) | null = null;
  onerror: ((event: unknown) => void) | null = null;

  constructor(url: string | URL, protocols: string | string[] = []) {
    super();
    this.url = String(url);
    this.protocols = [protocols].flat();
  }

  // The client's side.

  send(frame: string): void {
    this.sent.push(JSON.parse(frame));
  }

  close(): void {
    this.readyState = 3;
  }

  // The server's side.

  get open(): boolean {
    return this.readyState < 2;
  }

  get cursor(): string | null {
    return new URL(this.url).searchParams.get("resume");
  }

  get token(): string | undefined {
    return this.protocols.find((one) => one.startsWith("parley.bearer."))?.slice(14);
  }

  /** Opens it, without HELLO. */
  accept(): this {
    this.readyState = 1;
    this.onopen?.({});
    return this;
  }

  /** Opens it and says HELLO. */
  greet(more: Readonly<Record<string, unknown>> = {}): this {
    this.accept().say(3, hello(more));
    return this;
  }

  say(op: number, d: unknown = {}, more: { re?: unknown; cur?: string } = {}): void {
    this.frame(JSON.stringify({ op, d, ...more }));
  }

  frame(data: unknown): void {
    this.onmessage?.({ data });
  }

  /** Ends it as a server does, or a network (1006). */
  end(code = 1006, reason = ""): void {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }

  /** The packets that the client has sent with this number. */
  of(op: number): Packet[] {
    return this.sent.filter((packet) => packet.op === op);
  }

  /** Answers the last packet with this number. */
  answer(asked: number, op: number, d: unknown, more: { cur?: string } = {}): void {
    const question = this.of(asked).at(-1);
    if (!question) throw new Error(`no packet ${asked} was sent`);
    this.say(op, d, { re: question.id, ...more });
  }
}

/** What HELLO says unless a test says otherwise; the token lives for an hour. */
export function hello(more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    user: "ann",
    session: "0".repeat(8),
    ping_interval_ms: 5_000,
    pong_timeout_ms: 30_000,
    max_packet_bytes: 65_536,
    token_expires_at: new Date(Date.now() + 3_600_000).toISOString(),
    resumed: false,
    cur: "c0",
    ...more,
  };
}

/** The payload of ALERT NEW MSG. */
export function alert(seq: number, text = `text ${seq}`): Record<string, unknown> {
  const message = { message: `m${seq}`, conversation: "c", seq, sender: "bob", kind: "text" };
  return {
    conversation: "c",
    message: { ...message, text, version: 1, created_at: "2026-01-01T00:00:00.000Z" },
    unread: 1,
    conversation_version: seq,
  };
}

/** The payload of STATUS MSG. */
export function stored(seq: number, more: object = {}): Record<string, unknown> {
  return {
    message: `m${seq}`,
    conversation: "c",
    seq,
    status: "stored",
    duplicate: false,
    ...more,
  };
}

/** All that one test sees: the sockets of its clients, what they ask over HTTP, and what they tell. */
export class World {
  readonly sockets: Socket[] = [];
  readonly clients: Client[] = [];
  readonly events: Event[] = [];
  /** What HTTP requests are answered with; without it there is no network. */
  http: ((path: string) => Response | undefined) | undefined;
  readonly asked: string[] = [];

  /** Makes a client that is told all events. */
  client(options: Partial<ClientOptions> = {}): Client {
    const { sockets } = this;
    const client = new Client({
      url: "ws://server/ws",
      token: "token",
      WebSocket: class extends Socket {
        constructor(url: string | URL, protocols?: string | string[]) {
          super(url, protocols);
          sockets.push(this);
        }
      } as unknown as typeof WebSocket,
      fetch: async (input) => {
        const path = new URL(String(input)).pathname;
        this.asked.push(path);
        const answer = this.http?.(path);
        if (!answer) throw new TypeError("there is no network");
        return answer;
      },
      ...options,
    });
    this.clients.push(client);
    return client;
  }

  /** Makes a client whose events are kept here, and connects it. */
  async connect(options: Partial<ClientOptions> = {}): Promise<Client> {
    const client = this.client(options);
    client.on((event) => this.events.push(event));
    client.connect();
    await this.settle();
    return client;
  }

  /** Makes a client that is live. */
  async live(options: Partial<ClientOptions> = {}): Promise<Client> {
    const client = await this.connect(options);
    this.socket.greet();
    await this.settle();
    return client;
  }

  /** The newest socket. */
  get socket(): Socket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error("no socket was opened");
    return socket;
  }

  /** Lets time pass, in milliseconds, and all that it brings. */
  async pass(milliseconds: number): Promise<void> {
    await vi.advanceTimersByTimeAsync(milliseconds);
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    await vi.advanceTimersByTimeAsync(0);
  }

  /** The events of a type. */
  of<Type extends Event["type"]>(type: Type): Extract<Event, { type: Type }>[] {
    return this.events.filter((event) => event.type === type) as never;
  }

  /** The texts of the messages that were told, in order. */
  get texts(): (string | undefined)[] {
    return this.of("message").map(({ message }) => message.text);
  }
}

/** Gives each test a world of its own, and virtual time. */
export function newWorlds(): { readonly now: World } {
  const held = { now: new World() };
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date", "performance"] });
    // The backoff is as long as it can be.
    vi.spyOn(Math, "random").mockReturnValue(0.999);
    held.now = new World();
  });
  afterEach(async () => {
    for (const client of held.now.clients) await client.close();
    vi.restoreAllMocks();
    vi.useRealTimers();
  });
  return held;
}
