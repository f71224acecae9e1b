import { OutboxFull, type ParleyError, Rejected, rejection } from "../errors.ts";
import { ERROR } from "../generated/packets.ts";
import type { Data, Packet } from "../protocol.ts";

/** Takes what answers a packet: the payload, or the error that it says. */
export type Answered = (answer: Data | ParleyError) => void;

/** Packets that are sent with an id, and what is to be done with their answers. */
export class Requests {
  /** Whether HELLO has come, so that packets may be sent. */
  open = false;
  /** The largest packet that the server takes, in bytes. */
  limit = Infinity;
  readonly #send: (packet: Packet, limit: number) => ParleyError | undefined;
  readonly #pending = new Map<number, Answered>();
  // One sequence for all sockets: an answer that comes late is not taken for another one.
  #last = 0;

  constructor(send: (packet: Packet, limit: number) => ParleyError | undefined) {
    this.#send = send;
  }

  send(op: number, d: Data, answered: Answered): number {
    const id = ++this.#last;
    this.#pending.set(id, answered);
    const error = this.#send({ op, id, d }, this.limit);
    if (error) queueMicrotask(() => this.#answer(id, error));
    return id;
  }

  forget(id: number | undefined): void {
    if (id !== undefined) this.#pending.delete(id);
  }

  /** Takes in an answer, which perhaps nobody waits for any more. */
  take(packet: Packet): void {
    this.#answer(packet.re as number, packet.op === ERROR ? rejection(packet.d) : packet.d);
  }

  #answer(id: number, answer: Data | ParleyError): void {
    const answered = this.#pending.get(id);
    this.#pending.delete(id);
    answered?.(answer);
  }

  /** Forgets all: the socket is gone. */
  lost(): void {
    this.open = false;
    this.#pending.clear();
  }
}

interface Question {
  readonly op: number;
  readonly d: Data;
  readonly settle: (answer: Data | ParleyError) => void;
  id: number | undefined;
  /** When it may be asked (again). */
  notBefore: number;
  attempts: number;
}

/** Questions that may be asked at the same time; a server lets more of them wait. */
const UNDER_WAY = 16;

/**
 * Questions, asked over any number of sockets until they are answered. A refusal that says that the
 * same question may succeed later is no answer.
 */
export class Questions {
  readonly #requests: Requests;
  readonly #limit: number;
  readonly #pause: (error: Rejected, attempts: number) => number;
  readonly #waiting = new Set<Question>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    requests: Requests,
    limit: number,
    pause: (error: Rejected, attempts: number) => number,
  ) {
    this.#requests = requests;
    this.#limit = limit;
    this.#pause = pause;
  }

  ask(op: number, d: Data, signal?: AbortSignal): Promise<Data> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      if (this.#waiting.size >= this.#limit) throw new OutboxFull(this.#limit);
      const abort = () => {
        this.#requests.forget(question.id);
        end();
        reject(signal?.reason);
      };
      const end = () => {
        this.#waiting.delete(question);
        signal?.removeEventListener("abort", abort);
        this.flush();
      };
      const question: Question = {
        op,
        d,
        settle(answer) {
          end();
          if (answer instanceof Error) reject(answer);
          else resolve(answer);
        },
        id: undefined,
        notBefore: 0,
        attempts: 0,
      };
      signal?.addEventListener("abort", abort);
      this.#waiting.add(question);
      this.flush();
    });
  }

  /** Asks what may be asked now. */
  flush(): void {
    clearTimeout(this.#timer);
    if (!this.#requests.open) return;
    const now = Date.now();
    let next = Infinity;
    let underWay = [...this.#waiting].filter(({ id }) => id !== undefined).length;
    for (const question of this.#waiting) {
      if (question.id !== undefined) continue;
      if (underWay >= UNDER_WAY) return;
      if (question.notBefore > now) {
        next = Math.min(next, question.notBefore);
        continue;
      }
      underWay++;
      question.id = this.#requests.send(question.op, question.d, (answer) => {
        question.id = undefined;
        if (answer instanceof Rejected && answer.retryable) {
          question.notBefore = Date.now() + this.#pause(answer, question.attempts++);
          this.flush();
        } else question.settle(answer);
      });
    }
    if (next < Infinity) this.#timer = setTimeout(() => this.flush(), next - now);
  }

  /** The socket is gone: all is asked again over the next one. */
  lost(): void {
    for (const question of this.#waiting) question.id = undefined;
  }

  /** Answers all with an error. */
  fail(error: ParleyError): void {
    for (const question of [...this.#waiting]) question.settle(error);
  }
}
