/** Anything that is told in order to whoever consumes it. */
interface Told<Event> {
  readonly event: Event;
  /** The cursor that is confirmed once this is handled. */
  cursor: string | undefined;
}

interface Consumer {
  /** The number of the next event to take, and of the first that is not handled yet. */
  next: number;
  handled: number;
  wake(): void;
}

/**
 * The events of a client, in order, until each consumer has handled them.
 *
 * Events that come while there is no consumer wait for the first one; beyond `limit` the oldest of
 * them go. `confirm` gets the last cursor of what all have handled; `roomy` is called when all that
 * waited was handled.
 */
export class Feed<Event> {
  readonly #waiting: Told<Event>[] = [];
  // The number of the first that waits.
  #first = 0;
  // Those before were taken by a consumer that has left.
  #untold = 0;
  #closed = false;
  readonly #consumers = new Set<Consumer>();
  readonly #limit: number;
  readonly #confirm: (cursor: string) => void;
  readonly #roomy: () => void;

  constructor(limit: number, confirm: (cursor: string) => void, roomy: () => void) {
    this.#limit = limit;
    this.#confirm = confirm;
    this.#roomy = roomy;
  }

  /** Whether consumers are too slow for what comes. */
  get full(): boolean {
    return this.#consumers.size > 0 && this.#waiting.length >= this.#limit;
  }

  /** Tells an event; `cursor` is confirmed when it is handled. */
  push(event: Event, cursor?: string): void {
    if (this.#closed) return;
    this.#waiting.push({ event, cursor });
    if (!this.#consumers.size && this.#waiting.length > this.#limit) this.#drop(1);
    for (const consumer of this.#consumers) consumer.wake();
  }

  /** Confirms a cursor as soon as all that was told before is handled. */
  cover(cursor: string): void {
    if (this.#closed) return;
    const last = this.#waiting.at(-1);
    if (last) last.cursor = cursor;
    else this.#confirm(cursor);
  }

  /**
   * Calls `listener` with one event after the other; while a promise of it is pending the next ones
   * wait. Gives the function that ends it.
   */
  on(listener: (event: Event) => unknown): () => void {
    let busy = false;
    const run = async () => {
      if (busy) return;
      busy = true;
      for (let told = this.#take(consumer); told; told = this.#take(consumer)) {
        try {
          const result = listener(told.event);
          if (result instanceof Promise) await result;
        } catch (error) {
          // It counts as handled, and is reported as any error that nobody catches.
          queueMicrotask(() => {
            throw error;
          });
        }
        this.#handle(consumer);
      }
      busy = false;
    };
    const consumer = this.#join(run);
    void run();
    return () => this.#leave(consumer);
  }

  /** Gives the events to one loop. An event is handled when the next one is asked for. */
  iterate(signal?: AbortSignal): AsyncIterableIterator<Event> {
    let wake = () => {};
    const consumer = this.#join(() => wake());
    const abort = () => wake();
    signal?.addEventListener("abort", abort);
    const end = () => {
      signal?.removeEventListener("abort", abort);
      this.#leave(consumer);
      return { done: true, value: undefined } as const;
    };
    const iterator: AsyncIterableIterator<Event> = {
      [Symbol.asyncIterator]: () => iterator,
      next: async () => {
        this.#handle(consumer);
        for (;;) {
          if (signal?.aborted) {
            end();
            throw signal.reason;
          }
          if (!this.#consumers.has(consumer)) return end();
          const told = this.#take(consumer);
          if (told) return { done: false, value: told.event };
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      },
      return: async () => {
        const ended = end();
        wake();
        return ended;
      },
    };
    return iterator;
  }

  /** Ends all consumers; nothing is told or confirmed any more. */
  close(): void {
    this.#closed = true;
    this.#waiting.length = 0;
    const consumers = [...this.#consumers];
    this.#consumers.clear();
    for (const consumer of consumers) consumer.wake();
  }

  #join(wake: () => void): Consumer {
    const next = this.#consumers.size ? this.#first + this.#waiting.length : this.#untold;
    const consumer = { next, handled: next, wake };
    if (!this.#closed) this.#consumers.add(consumer);
    return consumer;
  }

  #leave(consumer: Consumer): void {
    if (!this.#consumers.delete(consumer)) return;
    if (this.#consumers.size) this.#trim();
    else this.#untold = consumer.next;
  }

  #take(consumer: Consumer): Told<Event> | undefined {
    if (!this.#consumers.has(consumer)) return undefined;
    const told = this.#waiting[consumer.next - this.#first];
    if (told) consumer.next++;
    return told;
  }

  #handle(consumer: Consumer): void {
    if (!this.#consumers.has(consumer) || consumer.handled === consumer.next) return;
    consumer.handled = consumer.next;
    this.#trim();
  }

  #trim(): void {
    let handled = Infinity;
    for (const consumer of this.#consumers) handled = Math.min(handled, consumer.handled);
    this.#drop(handled - this.#first);
  }

  #drop(count: number): void {
    if (count <= 0) return;
    const dropped = this.#waiting.splice(0, count);
    this.#first += count;
    this.#untold = Math.max(this.#untold, this.#first);
    const cursor = dropped.findLast((told) => told.cursor !== undefined)?.cursor;
    if (cursor !== undefined) this.#confirm(cursor);
    if (!this.#waiting.length) this.#roomy();
  }
}
