/**
 * The state machine of the connection, as a pure function: `step` takes a model and an input, and
 * gives the next model and the effects that `Link` carries out. Time and chance are arguments.
 */
import {
  Banned,
  Disconnected,
  HandshakeRefused,
  type ParleyError,
  type Rejected,
  SignedOut,
  TokenError,
  WrongUser,
} from "../errors.ts";
import type { Data } from "../protocol.ts";

/** A state of the connection. Each has a timer, or a typed and final reason. */
export type State =
  | "idle"
  | "connecting"
  | "resuming"
  | "live"
  | "waiting"
  | "unauthorized"
  | "refused"
  | "closed";

/** Why the token function is called. */
export type TokenReason = "connect" | "expiring" | "refused";

/** Times in milliseconds, and counts; the names and defaults of the options. */
export interface Timing {
  readonly tokenTimeout: number;
  readonly connectTimeout: number;
  readonly helloTimeout: number;
  /** For how long a resume may bring nothing but PING. */
  readonly resumeTimeout: number;
  /** The first step of the backoff, doubled by each failure in a row up to `backoffLimit`. */
  readonly backoffBase: number;
  readonly backoffLimit: number;
  /** From when on a live connection counts as a success. */
  readonly steadyAfter: number;
  /** The longest delay that a server may ask for. */
  readonly serverDelayLimit: number;
  /** How many fresh tokens in a row may be refused. */
  readonly tokenRefusals: number;
}

export const TIMING: Timing = {
  tokenTimeout: 10_000,
  connectTimeout: 10_000,
  helloTimeout: 10_000,
  resumeTimeout: 60_000,
  backoffBase: 500,
  backoffLimit: 30_000,
  steadyAfter: 5_000,
  serverDelayLimit: 600_000,
  tokenRefusals: 3,
};

/** What a connecting client waits for. */
type Phase = "token" | "socket" | "hello" | "probe" | undefined;

/** All that the machine knows. Times are on the clock of `step`; Infinity is never. */
export interface Model {
  readonly state: State;
  readonly phase: Phase;
  readonly reason: ParleyError | undefined;
  /** When the present state, or phase, ends by itself. */
  readonly deadline: number;
  readonly socket: boolean;
  /** Whether the token is a string, so that no fresh one can be had but by `setToken`. */
  readonly fixed: boolean;
  readonly token: string | undefined;
  readonly tokenUntil: number;
  readonly tokenRefused: boolean;
  readonly refusals: number;
  readonly fetchUntil: number;
  readonly renewAt: number;
  readonly renewFailures: number;
  /** Connections in a row that did not last. */
  readonly attempts: number;
  readonly liveSince: number;
  readonly lastFrame: number;
  /** When a resume that brings nothing is given up. */
  readonly progressUntil: number;
  readonly pingInterval: number;
  readonly silence: number;
  /** Whether the server named the time to come back, which nothing but `connect()` shortens. */
  readonly firm: boolean;
  /** Whether the consumers of events are too slow. */
  readonly blocked: boolean;
}

/** What HELLO says, with times in milliseconds. */
export interface Greeting {
  readonly pingInterval: number;
  /** For how long a socket may bring nothing at all. */
  readonly silence: number;
  /** Life left to the token. */
  readonly life: number;
  /** Whether nothing of before is missing. */
  readonly live: boolean;
}

export type Input =
  | { readonly type: "connect" | "close" | "opened" | "missed" | "resumed" }
  | { readonly type: "suspect" | "overflow" | "caughtUp" | "wake" | "tick" }
  | { readonly type: "frame"; readonly progress: boolean }
  | { readonly type: "setToken"; readonly token: string | undefined }
  | { readonly type: "token"; readonly token: string | null | TokenError }
  | { readonly type: "closed"; readonly code: number; readonly reason: string }
  | { readonly type: "hello"; readonly greeting: Greeting }
  | { readonly type: "renewed"; readonly life: number }
  | { readonly type: "renewFailed"; readonly error: Rejected | undefined }
  | { readonly type: "reconnect"; readonly delay: number }
  | { readonly type: "probed"; readonly found: Found }
  | { readonly type: "nonsense"; readonly error: ParleyError }
  | { readonly type: "wrongUser"; readonly error: WrongUser };

/** What was found out over HTTP about a handshake that failed; status 0: nothing. */
export interface Found {
  readonly status: number;
  readonly reason?: string;
  readonly retryAfter?: number | undefined;
  readonly standing?: Data | undefined;
  /** For how long the suspension lasts, in milliseconds. */
  readonly suspendedFor?: number | undefined;
}

export type Effect =
  | { readonly do: "fetchToken"; readonly reason: TokenReason }
  | { readonly do: "abortToken" | "drop" | "abortProbe" }
  | { readonly do: "open" | "probe" | "renew"; readonly token: string }
  | { readonly do: "tell"; readonly error: ParleyError };

/** The first model. */
export function initial(fixed: string | undefined): Model {
  return {
    state: "idle",
    phase: undefined,
    reason: undefined,
    deadline: Infinity,
    socket: false,
    fixed: fixed !== undefined,
    token: fixed,
    tokenUntil: Infinity,
    tokenRefused: false,
    refusals: 0,
    fetchUntil: Infinity,
    renewAt: Infinity,
    renewFailures: 0,
    attempts: 0,
    liveSince: Infinity,
    lastFrame: 0,
    progressUntil: Infinity,
    pingInterval: 0,
    silence: Infinity,
    firm: false,
    blocked: false,
  };
}

/** Gives a time to wait after so many failures in a row: any up to a limit that doubles. */
export function backoff(timing: Timing, failures: number, random: () => number): number {
  return random() * Math.min(timing.backoffLimit, timing.backoffBase * 2 ** Math.min(failures, 30));
}

/** When `step` wants a tick. */
export function dueAt(model: Model): number {
  return Math.min(model.deadline, model.renewAt, model.fetchUntil);
}

/** How much later than the interval a PING may come after a wake-up. */
const PING_GRACE = 2_000;
/** Life of a token with which no connection is begun any more. */
const TOKEN_MARGIN = 1_000;
/** Exponent of the backoff from which on "come back later" begins. */
const LATER = 4;

type Draft = { -readonly [Name in keyof Model]: Model[Name] };

/** Gives the next model, and what is to be done. `random` gives numbers in [0, 1). */
export function step(
  timing: Timing,
  model: Model,
  input: Input,
  now: number,
  random: () => number,
): readonly [Model, readonly Effect[]] {
  if (model.state === "closed") return [model, []];
  const m: Draft = { ...model };
  const effects: Effect[] = [];
  const act = (effect: Effect) => void effects.push(effect);
  const connected = () => m.state === "live" || m.state === "resuming";

  const jitter = (failures: number) => backoff(timing, failures, random);
  const bounded = (delay: number) => Math.min(Math.max(delay, 0) || 0, timing.serverDelayLimit);

  /** Leaves the present state: whatever it had under way ends, but a fetch of a token. */
  const enter = (state: State, reason?: ParleyError, deadline = Infinity) => {
    if (m.socket) act({ do: "drop" });
    if (m.phase === "probe") act({ do: "abortProbe" });
    m.socket = m.firm = false;
    m.phase = undefined;
    m.renewAt = Infinity;
    m.state = state;
    m.reason = reason;
    m.deadline = deadline;
  };

  const abortFetch = () => {
    if (m.fetchUntil < Infinity) act({ do: "abortToken" });
    m.fetchUntil = Infinity;
  };

  const stop = (state: State, reason?: ParleyError, deadline?: number) => {
    enter(state, reason, deadline);
    abortFetch();
    m.attempts = m.refusals = 0;
  };

  /** Waits for the next attempt; `delay` is the server's, without it the backoff decides. */
  const wait = (reason: ParleyError, delay?: number, least = 0) => {
    if (connected() && now - m.liveSince >= timing.steadyAfter) m.attempts = m.refusals = 0;
    enter("waiting", reason, now + (delay ?? jitter(Math.max(m.attempts, least))));
    m.firm = delay !== undefined || least > 0;
    m.attempts++;
  };

  const fetchToken = (reason: TokenReason) => {
    if (m.fetchUntil === Infinity) {
      act({ do: "fetchToken", reason });
      m.fetchUntil = now + timing.tokenTimeout;
    }
  };

  const begin = () => {
    if (m.blocked) return enter("waiting", m.reason, now + timing.backoffLimit);
    enter("connecting");
    if (m.token !== undefined && (m.fixed || m.tokenUntil > now + TOKEN_MARGIN)) {
      m.phase = "socket";
      m.deadline = now + timing.connectTimeout;
      m.socket = true;
      act({ do: "open", token: m.token });
    } else {
      fetchToken(m.tokenRefused ? "refused" : "connect");
      m.phase = "token";
      m.deadline = m.fetchUntil;
    }
  };

  /** Acts on a token that the server does not take. */
  const refuseToken = (why: unknown) => {
    const error = new TokenError("refused", why);
    m.tokenRefused = true;
    if (m.fixed || ++m.refusals >= timing.tokenRefusals) {
      stop("unauthorized", error);
    } else {
      m.token = undefined;
      wait(error);
    }
  };

  const probe = (reason: ParleyError) => {
    enter("connecting", reason, now + timing.connectTimeout);
    m.phase = "probe";
    // The token with which the socket was opened.
    act({ do: "probe", token: m.token ?? "" });
  };

  const failToken = (error: TokenError) => {
    m.fetchUntil = Infinity;
    act({ do: "tell", error });
    if (m.phase === "token") wait(error);
    else if (connected()) m.renewAt = now + jitter(++m.renewFailures) + timing.backoffBase;
  };

  /** Notes that the server lives. */
  const hear = () => {
    m.lastFrame = now;
    m.deadline = Math.min(now + m.silence, m.state === "resuming" ? m.progressUntil : Infinity);
  };

  const resume = () => {
    m.state = "resuming";
    m.progressUntil = now + timing.resumeTimeout;
    hear();
  };

  const live = () => {
    m.state = "live";
    m.liveSince = now;
    hear();
  };

  const renewBy = (life: number) => {
    m.tokenUntil = now + life;
    // 80 % of the life that is left, at most a minute before its end.
    m.renewAt = m.fixed ? Infinity : now + Math.max(life * 0.8, life - 60_000, 1_000);
  };

  const close = (code: number, reason: string) => {
    m.socket = false;
    const error = new Disconnected("CLOSED", code, reason);
    const family = Math.floor(code / 100);
    if (family === 43) refuseToken(error);
    else if (code === 4403) probe(new Banned());
    else if (family === 44) stop("refused", new HandshakeRefused(code, reason));
    else if (m.state === "connecting" && family < 40) probe(error);
    else wait(error, undefined, family > 41 ? LATER : 0);
  };

  const judge = ({ status, reason = "", retryAfter, standing, suspendedFor }: Found) => {
    const error = m.reason ?? new Disconnected("UNREACHABLE");
    if (status === 401) refuseToken(reason);
    else if (standing) {
      const until = suspendedFor === undefined ? undefined : now + (Math.max(suspendedFor, 0) || 0);
      const banned = new Banned(standing);
      stop("refused", banned, until === undefined ? until : until + jitter(LATER));
    } else if (status >= 400 && status < 500 && status !== 408 && status !== 429)
      stop("refused", new HandshakeRefused(status, reason));
    else if (retryAfter !== undefined) wait(error, bounded(retryAfter) + jitter(0));
    else wait(error, undefined, status === 429 ? LATER : 0);
  };

  const tick = () => {
    if (now >= m.fetchUntil) {
      act({ do: "abortToken" });
      failToken(new TokenError("timeout"));
    }
    if (now >= m.renewAt) {
      m.renewAt = Infinity;
      fetchToken(m.tokenRefused ? "refused" : "expiring");
    }
    if (now >= m.deadline) {
      if (m.state === "waiting" || m.state === "refused") begin();
      else if (m.phase === "probe") wait(m.reason as ParleyError);
      else if (m.state === "connecting") wait(new Disconnected("UNREACHABLE"));
      else wait(new Disconnected("SILENT"));
    }
  };

  switch (input.type) {
    case "connect":
      if (m.state !== "connecting" && !connected()) {
        if (m.state !== "waiting") m.refusals = 0;
        begin();
      }
      break;
    case "close":
      stop("closed");
      break;
    case "setToken":
      abortFetch();
      m.refusals = 0;
      m.tokenRefused = false;
      m.token = input.token;
      m.tokenUntil = Infinity;
      if (!connected()) {
        if (m.state !== "idle") begin();
      } else if (input.token !== undefined) act({ do: "renew", token: input.token });
      else fetchToken("connect");
      break;
    case "token":
      if (m.fetchUntil === Infinity) break;
      if (input.token instanceof TokenError) {
        failToken(input.token);
        break;
      }
      m.fetchUntil = Infinity;
      m.renewFailures = 0;
      if (input.token === null) {
        m.token = undefined;
        stop("unauthorized", new SignedOut());
        break;
      }
      m.token = input.token;
      m.tokenUntil = Infinity;
      m.tokenRefused = false;
      if (m.phase === "token") begin();
      else if (connected()) act({ do: "renew", token: input.token });
      break;
    case "opened":
      if (m.phase === "socket") {
        m.phase = "hello";
        m.deadline = now + timing.helloTimeout;
      }
      break;
    case "closed":
      if (m.socket) close(input.code, input.reason);
      break;
    case "hello": {
      if (m.phase !== "hello") break;
      const { greeting } = input;
      m.phase = undefined;
      m.reason = undefined;
      m.pingInterval = greeting.pingInterval;
      m.silence = greeting.silence;
      m.liveSince = Infinity;
      (greeting.live ? live : resume)();
      renewBy(greeting.life);
      break;
    }
    case "missed":
      if (connected()) resume();
      break;
    case "resumed":
      if (m.state === "resuming") live();
      break;
    case "frame":
      if (connected()) {
        if (input.progress) m.progressUntil = now + timing.resumeTimeout;
        hear();
      }
      break;
    case "renewed":
      if (connected()) renewBy(input.life);
      break;
    case "renewFailed":
      if (!connected()) break;
      if (input.error?.code === "PERMISSION_DENIED") {
        m.token = undefined;
        stop("refused", new WrongUser());
      } else {
        if (input.error && !input.error.retryable) {
          act({ do: "tell", error: new TokenError("refused", input.error) });
          m.token = undefined;
          m.tokenRefused = true;
        }
        m.renewAt = m.fixed ? Infinity : now + jitter(++m.renewFailures) + timing.backoffBase;
      }
      break;
    case "reconnect":
      if (connected()) wait(new Disconnected("RECONNECT"), bounded(input.delay));
      break;
    case "probed":
      if (m.phase === "probe") {
        // It has ended by itself.
        m.phase = undefined;
        judge(input.found);
      }
      break;
    case "nonsense":
      if (m.socket) {
        act({ do: "tell", error: input.error });
        wait(input.error);
      }
      break;
    case "wrongUser":
      if (m.socket) {
        m.token = m.fixed ? m.token : undefined;
        stop("refused", input.error);
      }
      break;
    case "suspect":
      if (connected()) wait(new Disconnected("SILENT"));
      break;
    case "overflow":
      if (m.socket) {
        m.blocked = true;
        wait(new Disconnected("SLOW_CONSUMER"));
        m.deadline = now + timing.backoffLimit;
      }
      break;
    case "caughtUp":
      if (m.blocked) {
        m.blocked = false;
        if (m.state === "waiting") begin();
      }
      break;
    case "wake":
      if (m.state === "waiting" && !m.firm) begin();
      else if (connected())
        m.deadline = Math.min(m.deadline, Math.max(m.lastFrame + m.pingInterval, now) + PING_GRACE);
      break;
    case "tick":
      tick();
      break;
  }
  return [m, effects];
}
