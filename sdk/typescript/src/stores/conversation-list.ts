/** The list of conversations, newest activity first. */

import { ASK_CONVERSATIONS } from "../generated/packets.ts";
import { activityOf, isBefore } from "./book.ts";
import type { Facts } from "./facts.ts";
import { LoadingStore } from "./store.ts";
import type { ConversationListView } from "./views.ts";

/** Conversations as far as their pages were loaded; new ones, and news of all, come by themselves. */
export class ConversationListStore extends LoadingStore<ConversationListView> {
  #next: string | undefined;
  // What has no activity after this lies on pages that are not loaded.
  #end = "";
  #count = 0;
  #missing: readonly string[] = [];
  // Those that were asked for because nobody had told who takes part.
  readonly #asked = new WeakSet<Facts>();

  /** Load the next page. */
  async loadMore(): Promise<void> {
    await this.load();
    if (!this.#hasMore) return;
    await this.#page();
    this.book.tell(new Set(), this);
  }

  override shows(changed: ReadonlySet<string>): boolean {
    return changed.size > 0 && !changed.has("state");
  }

  protected override isLoaded(): boolean {
    // Somebody unknown has written: the first page says who takes part, and about what.
    return super.isLoaded() && !this.#unknown().length;
  }

  protected override async read(): Promise<void> {
    for (const facts of this.#unknown()) this.#asked.add(facts);
    const before = this.#count;
    this.#next = undefined;
    this.#count = 0;
    // As many as before, so that nobody's list shrinks.
    do await this.#page();
    while (this.#count < before && this.#hasMore);
  }

  protected override build(): ConversationListView {
    return {
      conversations: this.#known().map(({ summary }) => summary),
      hasMore: this.#hasMore,
      missing: this.#missing,
      ...this.progress,
    };
  }

  get #hasMore(): boolean {
    return !!this.#next && !this.book.full;
  }

  async #page(): Promise<void> {
    const answer = await this.book.ask(ASK_CONVERSATIONS, { page: this.#next });
    const { conversations, next, missing = [] } = answer;
    this.#next = next;
    this.#missing = missing;
    this.#count += conversations.length;
    this.#end = (next && conversations.at(-1)?.last_message?.created_at) ?? "";
  }

  #unknown(): Facts[] {
    return this.#known().filter((facts) => !facts.listed && !this.#asked.has(facts));
  }

  #known(): Facts[] {
    return this.book
      .all()
      .filter((facts) => (facts.listed || facts.rows.length) && activityOf(facts) >= this.#end)
      .sort((one, other) => (isBefore(one, other) ? 1 : -1));
  }
}
