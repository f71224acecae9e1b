import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Banner } from "../../shared/components/Banner.tsx";
import { Button } from "../../shared/components/Button.tsx";
import { Field } from "../../shared/components/Field.tsx";
import { oneLine } from "../../shared/words.ts";
import { call, type Failure, failureOf } from "../api.ts";
import type { AuditBreak, AuditHead } from "../generated/api.ts";
import { t } from "../messages.ts";
import { Trouble } from "../Trouble.tsx";

type Result =
  | { readonly state: "none" }
  | { readonly state: "running"; readonly reached: number }
  | { readonly state: "intact"; readonly head: AuditHead }
  | { readonly state: "broken"; readonly problem: AuditBreak };

/** Walks the whole audit log, and compares it with a head that was noted before. */
export function Verification({ head }: { readonly head: AuditHead }): JSX.Element {
  const [noted, setNoted] = useState("");
  const [result, setResult] = useState<Result>({ state: "none" });
  const [failure, setFailure] = useState<Failure>();
  const isRunning = result.state === "running";
  const verify = async () => {
    setFailure(undefined);
    setResult({ state: "running", reached: 0 });
    try {
      setResult(await walk(noted.trim(), (reached) => setResult({ state: "running", reached })));
    } catch (error) {
      setResult({ state: "none" });
      setFailure(failureOf(error));
    }
  };
  return (
    <form
      class="verification"
      onSubmit={(event) => {
        event.preventDefault();
        if (!isRunning) void verify();
      }}
    >
      {head.number > 0 && (
        <p class="muted code">{t("audit.head", { head: `${head.number}:${head.hash}` })}</p>
      )}
      <Field label={t("audit.noted")} hint={t("audit.noted_hint")}>
        <input
          autocomplete="off"
          spellcheck={false}
          value={noted}
          onInput={(event) => setNoted(event.currentTarget.value)}
        />
      </Field>
      <Button type="submit" busy={isRunning}>
        {t("audit.verify")}
      </Button>
      <Trouble problem={failure} />
      <div role="status">
        {result.state === "running" && <p>{t("audit.running", { number: result.reached })}</p>}
        {result.state === "intact" && (
          <p class="good">{t("audit.intact", { number: result.head.number })}</p>
        )}
      </div>
      {result.state === "broken" && (
        <Banner kind="error">
          {t("audit.broken", {
            number: result.problem.number,
            problem: oneLine(result.problem.problem),
          })}
        </Banner>
      )}
    </form>
  );
}

/** Ask for one stretch after another until the end, or until a break. */
async function walk(noted: string, tell: (reached: number) => void): Promise<Result> {
  let after = "";
  for (;;) {
    const found = await call("GET /audit/verification", {
      query: { ...(after && { after }), ...(noted && { noted }) },
    });
    if (!found.intact) {
      const { problem } = found;
      return { state: "broken", problem: problem ?? { number: found.reached.number, problem: "" } };
    }
    if (found.done) return { state: "intact", head: found.head };
    after = `${found.reached.number}:${found.reached.hash}`;
    tell(found.reached.number);
  }
}
