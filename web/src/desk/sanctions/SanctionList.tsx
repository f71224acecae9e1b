import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Button } from "../../shared/components/Button.tsx";
import { Dialog } from "../../shared/components/Dialog.tsx";
import { Field } from "../../shared/components/Field.tsx";
import { query } from "../../shared/router.ts";
import { useTitle } from "../../shared/title.ts";
import { useAction } from "../actions.ts";
import { call } from "../api.ts";
import { FilterText } from "../FilterText.tsx";
import { FilterSwitch } from "../filters.tsx";
import type { Sanction } from "../generated/api.ts";
import { now, useHappenings } from "../live.ts";
import { usePages, useSoon } from "../loading.ts";
import { t } from "../messages.ts";
import { say } from "../notice.ts";
import { SanctionWords } from "../Parts.tsx";
import { Rows } from "../Rows.tsx";
import { Trouble } from "../Trouble.tsx";
import { sanctionWords } from "../words.ts";

/** Sanctions, the newest first, and the end of one before its time. */
export function SanctionList(): JSX.Element {
  useTitle(t("title.sanctions"));
  const user = query.value["user"] ?? "";
  const isInForce = query.value["in_force"] === "1";
  const [lifted, setLifted] = useState<Sanction>();
  const pages = usePages<Sanction>(`${isInForce} ${user}`, async (page, signal) => {
    const answer = await call("GET /sanctions", {
      query: { ...page, ...(user && { user }), ...(isInForce && { in_force_only: true }) },
      signal,
    });
    return { items: answer.sanctions, next: answer.next_page_token };
  });
  const reloadSoon = useSoon(pages.reload);
  useHappenings(({ kind }) => kind !== "dispute" && reloadSoon());
  return (
    <section class="list-page">
      <h1>{t("nav.sanctions")}</h1>
      <form
        class="filters"
        aria-label={t("filter.label")}
        onSubmit={(event) => event.preventDefault()}
      >
        <FilterText name="user" label={t("filter.user")} />
        <FilterSwitch name="in_force" label={t("filter.in_force")} />
      </form>
      <Rows
        label={t("sanction.list")}
        of={pages}
        none={t("sanction.none")}
        keyOf={({ id }) => id}
        row={(one) => (
          <div class="line" data-row tabIndex={-1}>
            <SanctionWords sanction={one} isLinked />
            {stands(one, now.value) && (
              <div class="actions">
                <Button onClick={() => setLifted(one)}>
                  {t("sanction.lift")}
                  <span class="unseen">: {sanctionWords(one)}</span>
                </Button>
              </div>
            )}
          </div>
        )}
      />
      {lifted && (
        <LiftDialog
          sanction={lifted}
          onClose={() => setLifted(undefined)}
          onLifted={pages.reload}
        />
      )}
    </section>
  );
}

/** Whether a sanction was neither lifted nor has expired. */
export function stands({ lift_time, until_time }: Sanction, now: number): boolean {
  return !lift_time && (!until_time || new Date(until_time).getTime() > now);
}

interface LiftProps {
  readonly sanction: Sanction;
  readonly onClose: () => void;
  readonly onLifted: () => void;
}

function LiftDialog({ sanction, onClose, onLifted }: LiftProps): JSX.Element {
  const action = useAction();
  const [reason, setReason] = useState("");
  const [isTried, setTried] = useState(false);
  const lift = async () => {
    setTried(true);
    if (!reason.trim()) return;
    const { answer } = await action.run("POST /sanctions/{sanction_id}/lift", {
      path: { sanction_id: sanction.id },
      body: { reason },
    });
    onLifted();
    if (!answer) return;
    say(t("sanction.lifted_now"));
    onClose();
  };
  return (
    <Dialog title={t("sanction.lift")} onClose={onClose}>
      <p>{sanctionWords(sanction)}</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void lift();
        }}
      >
        <Field
          label={t("sanction.reason")}
          hint={t("decision.note_hint")}
          error={isTried && !reason.trim() ? t("sanction.missing_reason") : undefined}
        >
          <textarea
            dir="auto"
            value={reason}
            onInput={(event) => setReason(event.currentTarget.value)}
          />
        </Field>
        <Trouble problem={action.problem} />
        <div class="actions">
          <Button type="submit" kind="primary" busy={action.busy}>
            {t("sanction.lift")}
          </Button>
          <Button onClick={onClose}>{t("preview.back")}</Button>
        </div>
      </form>
    </Dialog>
  );
}
