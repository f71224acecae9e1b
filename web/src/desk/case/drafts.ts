/** Decisions that are being written: kept while one looks elsewhere, and in no storage. */

import { signal } from "@preact/signals";
import type { Draft } from "./measures.ts";

const drafts = signal<ReadonlyMap<string, Draft>>(new Map());

/** Give the draft of a case. */
export function draftOf(id: string): Draft | undefined {
  return drafts.value.get(id);
}

/** Keep the draft of a case, or forget it. */
export function keepDraft(id: string, draft: Draft | undefined): void {
  const next = new Map(drafts.peek());
  if (draft) next.set(id, draft);
  else next.delete(id);
  drafts.value = next;
}
