/** The steps of a case since the version that somebody decides upon. */

import type { AuditEntry, Case } from "../generated/api.ts";
import { type Draft, emptyDraft, isEmpty } from "./measures.ts";

/** The steps after a version that others did; what one did oneself is no news. */
export function newsFor(steps: readonly AuditEntry[], version: number, me: string): AuditEntry[] {
  const since = steps.filter((step) => step.version > version);
  return since.every(({ actor }) => actor === me) ? [] : since;
}

/** The draft upon the version that is shown, unless there is news that its author has yet to look at. */
export function rebased(
  draft: Draft | undefined,
  one: Pick<Case, "version">,
  steps: readonly AuditEntry[],
  me: string,
): Draft {
  if (!draft || isEmpty(draft)) return emptyDraft(one.version);
  const isNews = newsFor(steps, draft.version, me).length > 0;
  return isNews || draft.version >= one.version ? draft : { ...draft, version: one.version };
}
