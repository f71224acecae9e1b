import type { JSX } from "preact";
import { Banner } from "../shared/components/Banner.tsx";
import { Button } from "../shared/components/Button.tsx";
import { timeOfDay } from "../shared/format.ts";
import type { Failure } from "./api.ts";
import { failureWords } from "./failures.ts";
import type { Loaded } from "./loading.ts";
import { t } from "./messages.ts";

/** Says why something was not done, and offers to try it again where that may help. */
export function Trouble({
  problem,
  again,
}: {
  readonly problem: Failure | undefined;
  readonly again?: (() => void) | undefined;
}): JSX.Element | null {
  if (!problem) return null;
  return (
    <Banner kind="error" actions={again && <Button onClick={again}>{t("app.again")}</Button>}>
      {failureWords(problem)}
    </Banner>
  );
}

/** Says how reading stands: under way, or failed, with what is shown as old as it is. */
export function Reading({
  of: loaded,
}: {
  readonly of: Omit<Loaded<unknown>, "replace">;
}): JSX.Element | null {
  const { value, problem, at, isLoading, reload } = loaded;
  if (problem) {
    const isOver = problem.name === "Refusal" && !problem.isPassing;
    return (
      <Banner
        kind={isOver ? "error" : "warning"}
        actions={<Button onClick={reload}>{t("app.again")}</Button>}
      >
        {failureWords(problem)} {at !== undefined && t("reading.old", { time: timeOfDay(at) })}
      </Banner>
    );
  }
  return isLoading && value === undefined ? <p role="status">{t("reading.now")}</p> : null;
}
