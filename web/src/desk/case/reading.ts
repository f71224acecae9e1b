/** A case with all that is beside it: its steps in the audit log, and what restricts those in it. */

import { call } from "../api.ts";
import type { AuditEntry, Case, Sanction } from "../generated/api.ts";

/** A case as it stood at one moment. */
export interface CaseFile {
  readonly case: Case;
  readonly steps: readonly AuditEntry[];
  readonly sanctions: readonly Sanction[];
}

const PAGE = 100;

/** Read a case and what is beside it. */
export async function readCase(id: string, signal: AbortSignal): Promise<CaseFile> {
  const { case: one } = await call("GET /cases/{case_id}", { path: { case_id: id }, signal });
  const [steps, ...sanctions] = await Promise.all([
    readSteps(id, signal),
    ...one.participants.map((user) => readSanctions(user, signal)),
  ]);
  return { case: one, steps, sanctions: sanctions.flat() };
}

/** Read what happened to a case or dispute, as the audit log says it, the oldest first. */
export async function readSteps(target: string, signal: AbortSignal): Promise<AuditEntry[]> {
  const steps: AuditEntry[] = [];
  let more = true;
  while (more) {
    const after = steps.at(-1)?.number ?? 0;
    const page = await call("GET /audit", {
      query: { target_id: target, after, page_size: PAGE },
      signal,
    });
    steps.push(...page.entries);
    more = page.more && page.entries.length > 0;
  }
  return steps;
}

async function readSanctions(user: string, signal: AbortSignal): Promise<Sanction[]> {
  const { sanctions } = await call("GET /sanctions", { query: { user, page_size: PAGE }, signal });
  return sanctions;
}
