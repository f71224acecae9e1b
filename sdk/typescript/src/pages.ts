/** Lists that the server gives page by page. */

/** One page of a list. `next` names the page after it; absent where it is the last. */
export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next?: string | undefined;
  /** Services of the server that did not answer: what they know is not shown. */
  readonly missing?: readonly string[] | undefined;
}

/**
 * A list: by `for await` all of it, or by `page` one page at a time.
 *
 * Each iteration asks anew, and asks for a page only once the one before it was used up.
 */
export class Pages<Item> implements AsyncIterable<Item> {
  /** Ask for the first page, or for one by the `next` of the page before it. */
  readonly page: (name?: string) => Promise<Page<Item>>;

  constructor(ask: (name?: string) => Promise<Page<Item>>) {
    this.page = ask;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    let next: string | undefined;
    do {
      const page = await this.page(next);
      yield* page.items;
      next = page.next;
    } while (next !== undefined);
  }
}
