/** Calls of the desk's HTTP API, and its refusals. */

import type { Operations, Problem } from "./generated/api.ts";

/** An operation, as "GET /cases". */
export type OperationName = keyof Operations;

export type Answer<Name extends OperationName> = Operations[Name]["answer"];
export type Body<Name extends OperationName> = Operations[Name]["body"];

/** The parts of a call. */
export interface Call<Name extends OperationName> {
  readonly path?: Operations[Name]["path"];
  readonly query?: Operations[Name]["query"];
  readonly body?: Body<Name>;
  /** Names what is to be done, so that it is done once however often it is sent. */
  readonly key?: string;
  readonly signal?: AbortSignal;
}

/** The desk, or moderation behind it, has said no. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail || problem.title);
    this.problem = problem;
  }

  get reason(): string {
    return this.problem.reason;
  }

  /** Whether the same call may be answered later. */
  get isPassing(): boolean {
    return this.problem.status === 429 || this.problem.status >= 500;
  }
}

/** Nobody has answered: no network, or the desk is away. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
}

/** Why a call did not do what it should. */
export type Failure = Refusal | Unreachable;

/** Give the failure in what was thrown; throws what is none. */
export function failureOf(error: unknown): Failure {
  if (error instanceof Refusal || error instanceof Unreachable) return error;
  throw error;
}

const PATIENCE_MS = 20_000;

// Belongs to the session, and goes with all that changes something.
let csrfToken = "";
const listeners = new Set<(refusal: Refusal) => void>();

/** Send this with whatever changes something from now on. */
export function sendCsrfToken(token: string): void {
  csrfToken = token;
}

/** Hear of each refusal, whoever asked. */
export function onRefusal(listener: (refusal: Refusal) => void): void {
  listeners.add(listener);
}

/** Make a key that nothing else has. */
export function newKey(): string {
  return crypto.randomUUID();
}

/** Call an operation. Rejects with a Refusal, or Unreachable; with an AbortError when it was called off. */
export async function call<Name extends OperationName>(
  name: Name,
  { path, query, body, key, signal }: Call<Name> = {},
): Promise<Answer<Name>> {
  const [method = "GET", template = ""] = name.split(" ");
  const headers: Record<string, string> = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRF-Token"] = csrfToken;
  if (body != null) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  const patience = AbortSignal.timeout(PATIENCE_MS);
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(addressOf(template, path ?? {}, query ?? {}), {
      method,
      headers,
      body: body == null ? null : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
      credentials: "same-origin",
      cache: "no-store",
    });
    text = await answer.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Unreachable(String(error));
  }
  if (answer.ok) return (text ? parse(text) : null) as Answer<Name>;
  const refusal = new Refusal(problemOf(answer, text));
  for (const listener of listeners) listener(refusal);
  throw refusal;
}

function addressOf(template: string, path: object, query: object): string {
  const parts = new Map(Object.entries(path));
  const filled = template.replace(/\{(\w+)\}/g, (_, name) =>
    encodeURIComponent(String(parts.get(name))),
  );
  // An empty one is no filter.
  const said = Object.entries(query).filter(([, value]) => value != null && value !== "");
  const search = new URLSearchParams(said.map(([name, value]) => [name, String(value)]));
  return `.${filled}${said.length ? `?${search}` : ""}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A page of somebody in between, as a sign-in of the network.
    throw new Unreachable("the answer is no JSON");
  }
}

/** The problem in a refusal; a proxy in between says it in its own way. */
function problemOf(answer: Response, text: string): Problem {
  const isProblem = answer.headers.get("Content-Type")?.startsWith("application/problem+json");
  if (isProblem) return parse(text) as Problem;
  return {
    type: "about:blank",
    title: answer.statusText,
    status: answer.status,
    detail: "",
    reason: "",
  };
}
