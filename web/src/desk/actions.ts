/** Actions of a moderator: done once however often they are sent, and nothing is lost when they are refused. */

import { useRef, useState } from "preact/hooks";
import {
  type Answer,
  type Call,
  call,
  type Failure,
  failureOf,
  newKey,
  type OperationName,
} from "./api.ts";

/** Something that can be done, and how it went the last time. */
export interface Action {
  readonly busy: boolean;
  readonly problem: Failure | undefined;
  /** Do it. Gives the answer, or why there is none; neither while it is under way already. */
  readonly run: <Name extends OperationName>(
    name: Name,
    given: Call<Name>,
  ) => Promise<{ readonly answer?: Answer<Name>; readonly problem?: Failure }>;
  readonly forget: () => void;
}

/** Have an action. The same words that are sent again after a lost answer are done once. */
export function useAction(): Action {
  const [state, setState] = useState<{ busy: boolean; problem?: Failure | undefined }>({
    busy: false,
  });
  const isBusy = useRef(false);
  const sent = useRef({ words: "", key: "" });
  return {
    busy: state.busy,
    problem: state.problem,
    forget: () => setState({ busy: false }),
    run: async (name, given) => {
      if (isBusy.current) return {};
      isBusy.current = true;
      setState({ busy: true });
      const words = JSON.stringify([name, given.path, given.body]);
      if (sent.current.words !== words) sent.current = { words, key: newKey() };
      try {
        const answer = await call(name, { ...given, key: sent.current.key });
        sent.current = { words: "", key: "" };
        setState({ busy: false });
        return { answer };
      } catch (error) {
        const problem = failureOf(error);
        // Refused for good, it was not done: the next time is another.
        if (problem.name === "Refusal" && !problem.isPassing) sent.current = { words: "", key: "" };
        setState({ busy: false, problem });
        return { problem };
      } finally {
        isBusy.current = false;
      }
    },
  };
}
