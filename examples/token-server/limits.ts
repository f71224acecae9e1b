/** Limits of what one person, or one address, may ask: buckets that fill again with time. */

/** Token buckets by name. Times are in seconds. */
export class Limiter {
  readonly #buckets = new Map<string, { left: number; at: number }>();
  readonly #burst: number;
  readonly #secondsEach: number;
  readonly #maximumBuckets: number;

  /** `burst` at once, then one more every `secondsEach`. */
  constructor(burst: number, secondsEach: number, maximumBuckets = 10_000) {
    this.#burst = burst;
    this.#secondsEach = secondsEach;
    this.#maximumBuckets = maximumBuckets;
  }

  /** Take one; give 0, or after how many seconds to come again. */
  take(name: string, now: number = performance.now() / 1000): number {
    const { left, at } = this.#buckets.get(name) ?? { left: this.#burst, at: now };
    const filled = Math.min(this.#burst, left + (now - at) / this.#secondsEach);
    // Whoever came last stands at the end, so that the first is who was away longest.
    this.#buckets.delete(name);
    this.#buckets.set(name, { left: filled < 1 ? filled : filled - 1, at: now });
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > this.#maximumBuckets && oldest !== undefined) {
      this.#buckets.delete(oldest);
    }
    return filled < 1 ? Math.ceil((1 - filled) * this.#secondsEach) : 0;
  }
}
