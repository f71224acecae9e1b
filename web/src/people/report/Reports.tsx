import type {
  OutboxEntry,
  REPORT_CONVERSATIONS,
  REPORT_MSG,
  REPORT_STATEMENT,
  ReportStatus,
} from "@parley/client";
import type { JSX } from "preact";
import { Banner } from "../../shared/components/Banner.tsx";
import { Button } from "../../shared/components/Button.tsx";
import { Words } from "../../shared/components/Words.tsx";
import { dayAndTime } from "../../shared/format.ts";
import { addressOf } from "../../shared/router.ts";
import { useSnapshot } from "../../shared/stores.ts";
import { FailedActions } from "../conversation/FailedActions.tsx";
import { refusalWords } from "../forms/refusals.ts";
import { dismissRefusal, refusals } from "../forms/refused.ts";
import { usePages } from "../lists/pages.ts";
import { appealAgainst, reportsOf, useTold } from "../lists/told.ts";
import { t } from "../messages.ts";
import { AppealPart } from "../sanction/AppealPart.tsx";
import { Appeals } from "../sanction/Appeals.tsx";
import { useSession } from "../session.ts";
import { reasonWords } from "./reasons.ts";

/** The opcodes of reports. */
const OPCODES: ReadonlySet<number> = new Set<
  typeof REPORT_CONVERSATIONS | typeof REPORT_MSG | typeof REPORT_STATEMENT
>([254, 255, 239]);

/** The reports of this user, and what became of each. */
export function Reports(): JSX.Element {
  const client = useTold();
  const listed = usePages(() => client.reports());
  const reports = reportsOf(client, listed.items);
  const refused = refusals(client).value;
  const waiting = useSnapshot(client.pending);
  const pending = [...refused, ...waiting].filter(({ op }) => OPCODES.has(op));
  return (
    <section class="page">
      <h1>{t("report.title")}</h1>
      <p class="muted">{t("report.explanation")}</p>
      <p>
        <a href={addressOf("standing")}>{t("sanction.title")}</a>
      </p>
      {listed.loading === "failed" && (
        <Banner kind="error" actions={<Button onClick={listed.reload}>{t("action.again")}</Button>}>
          {refusalWords(listed.error)}
        </Banner>
      )}
      {listed.isLate && <Banner kind="warning">{t("waiting.late_list")}</Banner>}
      {pending.map((entry) => (
        <PendingReport key={entry.key} entry={entry} />
      ))}
      {reports.length > 0 && (
        <ul class="cards">
          {reports.map((one) => (
            <ReportCard key={one.report} report={one} />
          ))}
        </ul>
      )}
      {!reports.length && !pending.length && listed.loading === "ready" && (
        <p class="muted">{t("report.none")}</p>
      )}
      {listed.loading === "loading" && !reports.length && <p class="muted">{t("inbox.loading")}</p>}
      {listed.more && (
        <Button busy={listed.loading === "loading"} onClick={listed.more}>
          {t("report.more")}
        </Button>
      )}
      {/* A case that is open again has no decision, beside which an appeal would be shown. */}
      <Appeals shown={new Set(reports.map(({ decision }) => decision))} />
    </section>
  );
}

const STATUSES = ["received", "in_review", "actioned", "no_violation"] as const;

function ReportCard({ report }: { readonly report: ReportStatus }): JSX.Element {
  const client = useTold();
  const { subject, status, created_at, updated_at, decision, appealable, appeal_until } = report;
  const known = STATUSES.find((one) => one === status) ?? "received";
  const what = subject?.message ? "message" : subject?.dispute ? "statement" : "conversation";
  return (
    <li class="card">
      <h2>
        {t("report.heading", {
          what: t(`report.about_${what}`),
          reason: reasonWords(report.reason),
        })}
      </h2>
      <p class="report-status" data-status={known}>
        {t(`report.status_${known}`)}
      </p>
      <p class="muted">
        {created_at && t("report.made_at", { when: dayAndTime(created_at) })}
        {updated_at && updated_at !== created_at && (
          <> {t("report.changed_at", { when: dayAndTime(updated_at) })}</>
        )}
      </p>
      {subject && (
        <p>
          <a href={addressOf("c", subject.conversation)}>{t("conversation.open")}</a>
        </p>
      )}
      <AppealPart
        decision={decision}
        appeal={report.appeal ?? appealAgainst(client, decision)}
        isOpen={appealable ?? false}
        until={appeal_until}
        send={(against, text, key) => client.appeal(against, text, { key })}
      />
    </li>
  );
}

/** A report that the server has not taken, or has refused after its form was closed. */
function PendingReport({ entry }: { readonly entry: OutboxEntry }): JSX.Element {
  const { client } = useSession();
  const { key, state, payload, error } = entry;
  const isKept = client.outbox.entries().some((one) => one.key === key);
  const { reason, comment } = payload as { reason?: string; comment?: string };
  return (
    <div class="card">
      <p>
        {reasonWords(reason)}: {t(state === "failed" ? "mark.failed" : "report.waits")}
      </p>
      {comment && (
        <p class="bubble">
          <Words text={comment} />
        </p>
      )}
      {state === "queued" && (
        <Button kind="quiet" onClick={() => void client.outbox.cancel(key)}>
          {t("message.cancel")}
        </Button>
      )}
      {state === "failed" && (
        <>
          <p class="field-error">{refusalWords(error)}</p>
          {isKept ? (
            <FailedActions command={key} />
          ) : (
            <Button onClick={() => dismissRefusal(client, key)}>{t("action.close")}</Button>
          )}
        </>
      )}
    </div>
  );
}
