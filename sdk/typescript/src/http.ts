/**
 * HTTP beside the socket, for who is let into none: the reasons, the appeal, and what ends or carries out deals
 * and disputes (docs/protocol.md, "Sanctions").
 */

import type { TokenReason } from "./connection/machine.ts";
import { fetchToken, type GetToken } from "./connection/token.ts";
import { Disconnected, ParleyError, rejection, SignedOut, TokenError } from "./errors.ts";
import type {
  Appeal,
  Dispute,
  LitigeCreated,
  LitigeStatement,
  NegotiationEnd,
  NoteSubmitted,
  ReportStatus,
  ServiceTerminated,
  Settlement,
  Standing,
  UpdateConversationDatas,
} from "./generated/packets.ts";
import { type Page, Pages } from "./pages.ts";
import type { Data } from "./protocol.ts";
import type { DisputeOptions } from "./stores/deal.ts";
import {
  type DealView,
  type DisputeView,
  dealView,
  disputeView,
  type ShownSettlement,
} from "./stores/views.ts";

/** The options, of which `url`, the address of the socket, and the token have no default. */
export interface HttpOptions {
  readonly url: string;
  readonly token: string | GetToken;
  readonly fetch?: typeof globalThis.fetch;
  /** For how long an answer is waited for, in milliseconds. */
  readonly timeout?: number;
}

/** The packets that are taken over HTTP, by the names of their paths. */
export interface HttpPackets {
  "negotiation-end": NegotiationEnd;
  "service-terminated": ServiceTerminated;
  "note-submitted": NoteSubmitted;
  "litige-created": LitigeCreated;
  "litige-statement": LitigeStatement;
}

/** A problem (RFC 9457), with what an ERROR packet would say. */
interface Problem {
  readonly reason?: string;
  readonly detail?: string;
  readonly fields?: unknown;
  readonly current?: unknown;
  readonly standing?: unknown;
  readonly retry_after_ms?: number;
}

const CODES: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  409: "INVALID_STATE",
  429: "RATE_LIMITED",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};
/** Reasons that are a code of their own, in place of that of the status. */
const OWN_CODES = new Set(["CONFLICT", "STALE_OFFER", "SANCTIONED", "RESOURCE_EXHAUSTED"]);
/** How many commands whose end is unknown keep their key. */
const MAXIMUM_KEYS = 100;

/**
 * Asks one thing at a time, without a socket. Every call rejects with a ParleyError; one that comes too soon
 * after others waits for its turn.
 *
 * A command that is given again while its end is unknown has the same key, and so is done once.
 */
export class HttpClient {
  readonly #options: HttpOptions;
  readonly #keys = new Map<string, string>();

  constructor(options: HttpOptions) {
    this.#options = options;
  }

  /** What restricts the user now, with the reasons and the appeals. */
  standing(): Promise<Standing> {
    return this.#ask("standing");
  }

  /** Ask another moderator to look at a decision again. */
  async appeal(decision: string, text: string): Promise<Appeal> {
    const { appeal } = await this.#command<ReportStatus>("appeals", { decision, text });
    return appeal as Appeal;
  }

  /** The user's deals, the newest first. */
  deals(): Pages<DealView> {
    return this.#list("services", dealView);
  }

  /** The user's disputes, the newest first. */
  disputes(): Pages<DisputeView> {
    return this.#list("disputes", disputeView);
  }

  /** Send a packet that ends or carries out something. Words to the other are refused. */
  send<Name extends keyof HttpPackets>(
    name: Name,
    payload: Omit<HttpPackets[Name], "idempotency_key">,
  ): Promise<UpdateConversationDatas> {
    return this.#command(`packets/${name}`, payload);
  }

  /** Open a dispute, which holds the deal. */
  async openDispute(
    service: string,
    { reason, statement, refund }: Omit<DisputeOptions, "key" | "signal">,
  ): Promise<DisputeView> {
    const said = { service, reason, statement, ...(refund && { claim: { refund } }) };
    const { dispute } = await this.send("litige-created", said);
    return disputeView(dispute as Dispute);
  }

  /** Give what can be done in a dispute, as its store does it over the socket. */
  dispute(dispute: string): HttpDispute {
    return new HttpDispute(this, dispute);
  }

  #list<Item, Shown>(name: string, view: (item: Item) => Shown): Pages<Shown> {
    return new Pages(async (page): Promise<Page<Shown>> => {
      const query = page === undefined ? "" : `?page=${encodeURIComponent(page)}`;
      const answer = await this.#ask<Record<string, Item[]> & { next?: string }>(name + query);
      return { items: (answer[name] ?? []).map(view), next: answer.next };
    });
  }

  async #command<Answer>(path: string, payload: object): Promise<Answer> {
    const intent = JSON.stringify([path, payload]);
    const key = this.#keys.get(intent) ?? crypto.getRandomValues(new Uint32Array(4)).join("-");
    this.#keys.set(intent, key);
    for (const oldest of this.#keys.keys())
      if (this.#keys.size > MAXIMUM_KEYS) this.#keys.delete(oldest);
    try {
      const answer = await this.#ask<Answer>(path, { ...payload, idempotency_key: key });
      this.#keys.delete(intent);
      return answer;
    } catch (error) {
      // Otherwise nobody knows whether it was done.
      if ((error as { retryable?: boolean }).retryable === false) this.#keys.delete(intent);
      throw error;
    }
  }

  async #ask<Answer>(path: string, payload?: object): Promise<Answer> {
    const { url, token, timeout = 20_000 } = this.#options;
    const signal = AbortSignal.timeout(timeout);
    const getToken = typeof token === "string" ? () => token : token;
    const started = Date.now();
    for (let reason: TokenReason = "connect"; ; ) {
      const found = await fetchToken(getToken, reason, signal);
      if (found === null) throw new SignedOut();
      if (typeof found !== "string") throw found;
      const address = new URL(path, url);
      address.protocol = address.protocol.replace("ws", "http");
      const headers: Record<string, string> = { Authorization: `Bearer ${found}` };
      if (payload) headers["Content-Type"] = "application/json";
      const [status, body] = await this.#fetch(address, {
        method: payload ? "POST" : "GET",
        headers,
        signal,
        ...(payload && { body: JSON.stringify(payload) }),
      });
      if (status >= 200 && status < 300) return body as Answer;
      const { retry_after_ms: pause = 1_000 } = body as Problem;
      if (status === 429 && Date.now() + pause < started + timeout) {
        // Nothing was done, and soon it will be.
        await new Promise((resolve) => setTimeout(resolve, pause));
        continue;
      }
      if (status !== 401) throw problem(status, body as Problem);
      // A fixed token does not get better, and a fresh one is tried once.
      if (typeof token === "string" || reason === "refused") throw new TokenError("refused");
      reason = "refused";
    }
  }

  async #fetch(address: URL, request: RequestInit): Promise<[number, unknown]> {
    const { fetch } = this.#options;
    try {
      const answer = await (fetch ?? globalThis.fetch)(address, request);
      const body: unknown = await answer.json().catch(() => {
        // A proxy has answered; its status says enough, but for a good one.
        if (answer.ok) throw new Disconnected("UNREACHABLE");
        return {};
      });
      return [answer.status, body];
    } catch (cause) {
      throw cause instanceof ParleyError ? cause : new Disconnected("UNREACHABLE");
    }
  }
}

/** A dispute over HTTP, with the methods of `DisputeStore`. */
export class HttpDispute {
  readonly #http: HttpClient;
  readonly #dispute: string;

  constructor(http: HttpClient, dispute: string) {
    this.#http = http;
    this.#dispute = dispute;
  }

  state(text: string): Promise<DisputeView> {
    return this.#say({ text });
  }

  propose(settlement: Settlement, options?: { text?: string }): Promise<DisputeView> {
    return this.#say({ settlement, ...options });
  }

  /** Accept a settlement, with its number and amounts as they were shown. */
  accept(shown: ShownSettlement, options?: { text?: string }): Promise<DisputeView> {
    const accept = { offer: shown.number, settlement: shown.settlement };
    return this.#say({ accept, ...options });
  }

  withdraw(options?: { text?: string }): Promise<DisputeView> {
    return this.#say({ withdraw: true, ...options });
  }

  async #say(said: Omit<LitigeStatement, "dispute" | "idempotency_key">): Promise<DisputeView> {
    const payload = { dispute: this.#dispute, ...said };
    const { dispute } = await this.#http.send("litige-statement", payload);
    return disputeView(dispute as Dispute);
  }
}

function problem(status: number, body: Problem): ParleyError {
  const reason = body.reason?.toUpperCase();
  const code = reason && OWN_CODES.has(reason) ? reason : (CODES[status] ?? "INTERNAL");
  const said: Data = {
    code,
    message: body.detail ?? `status ${status}`,
    reason,
    fields: body.fields,
    current: body.current ?? body.standing,
    retry_after_ms: body.retry_after_ms,
    retryable: status === 429 || status >= 500,
  };
  return rejection(said);
}
