import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Button } from "../../shared/components/Button.tsx";
import { Dialog } from "../../shared/components/Dialog.tsx";
import { Field } from "../../shared/components/Field.tsx";
import { dayAndTime } from "../../shared/format.ts";
import { useTitle } from "../../shared/title.ts";
import { useAction } from "../actions.ts";
import type { Erasure } from "../generated/api.ts";
import { t, wordFor } from "../messages.ts";
import { say } from "../notice.ts";
import { session } from "../session.ts";
import { Trouble } from "../Trouble.tsx";

/** Steps about a person as a whole: the end of their sessions, or their erasure. */
export function PeopleScreen(): JSX.Element | null {
  useTitle(t("title.people"));
  const [user, setUser] = useState("");
  const [isAsking, setAsking] = useState<"sessions" | "erasure">();
  const [erased, setErased] = useState<Erasure>();
  const action = useAction();
  const { value } = session;
  if (value.state !== "signed in" && value.state !== "ended") return null;
  const { roles } = value.session;
  const name = user.trim();
  const close = () => {
    setAsking(undefined);
    action.forget();
  };
  const run = async () => {
    if (isAsking === "sessions") {
      const { answer } = await action.run("POST /users/{user}/session-end", {
        path: { user: name },
        body: {},
      });
      if (!answer) return;
      say(t("people.sessions_ended", { user: name }));
    } else {
      const { answer } = await action.run("POST /users/{user}/erasure", { path: { user: name } });
      if (!answer) return;
      setErased(answer);
    }
    close();
  };
  return (
    <section class="page">
      <h1>{t("nav.people")}</h1>
      <Field label={t("filter.user")}>
        <input
          dir="auto"
          autocomplete="off"
          spellcheck={false}
          value={user}
          onInput={(event) => {
            setUser(event.currentTarget.value);
            setErased(undefined);
          }}
        />
      </Field>
      {roles.includes("moderator") && (
        <>
          <h2>{t("people.sessions")}</h2>
          <p class="muted">{t("people.sessions_hint")}</p>
          <Button onClick={() => name && setAsking("sessions")}>{t("people.end_sessions")}</Button>
        </>
      )}
      {roles.includes("data_protection") && (
        <>
          <h2>{t("people.erasure")}</h2>
          <p class="muted">{t("people.erasure_hint")}</p>
          <Button onClick={() => name && setAsking("erasure")}>{t("people.erase")}</Button>
          {erased && <Erased erasure={erased} />}
        </>
      )}
      {isAsking && (
        <Dialog
          title={t(isAsking === "sessions" ? "people.end_sessions" : "people.erase")}
          onClose={close}
        >
          <p>
            {t(isAsking === "sessions" ? "people.ask_sessions" : "people.ask_erasure", {
              user: name,
            })}
          </p>
          <Trouble problem={action.problem} />
          <div class="actions">
            <Button kind="danger" busy={action.busy} onClick={() => void run()}>
              {t(isAsking === "sessions" ? "people.end_sessions" : "people.erase")}
            </Button>
            <Button onClick={close}>{t("preview.back")}</Button>
          </div>
        </Dialog>
      )}
    </section>
  );
}

/** The result of an erasure: how much was erased, what is kept and why. */
function Erased({ erasure }: { readonly erasure: Erasure }): JSX.Element {
  return (
    <div role="status">
      <p>{t("people.erased", { count: erasure.erased })}</p>
      <ul>
        {erasure.kept.map((one) => (
          <li key={`${one.target_id} ${one.reason}`}>
            {t("people.kept", {
              kind: wordFor("audit.kind", one.target_kind),
              id: one.target_id,
              reason: wordFor("kept", one.reason.toLowerCase()),
            })}{" "}
            {one.until_time && t("people.kept_until", { until: dayAndTime(one.until_time) })}
          </li>
        ))}
      </ul>
    </div>
  );
}
