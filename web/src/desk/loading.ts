/** Reading from the desk: shown until it was read anew, and read again by itself when nobody answered. */

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { type Failure, failureOf } from "./api.ts";

/** Something that is read, as far as it is known. */
export interface Loaded<Value> {
  readonly value: Value | undefined;
  /** Why it was not read the last time; `value` is as old as `at` then. */
  readonly problem: Failure | undefined;
  readonly at: number | undefined;
  readonly isLoading: boolean;
  /** Read it anew. */
  readonly reload: () => void;
  /** Put in its place what is known to be newer. */
  readonly replace: (change: (value: Value) => Value) => void;
}

interface State<Value> {
  readonly name: string;
  readonly value?: Value | undefined;
  readonly problem?: Failure | undefined;
  readonly at?: number | undefined;
  readonly isLoading: boolean;
}

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

/** Read what `load` gives, anew for each `name`, which says all that it depends on. */
export function useLoaded<Value>(
  name: string,
  load: (signal: AbortSignal) => Promise<Value>,
): Loaded<Value> {
  const [state, setState] = useState<State<Value>>({ name, isLoading: true });
  const latest = useRef(load);
  latest.current = load;
  const run = useRef<() => void>(() => {});
  useEffect(() => {
    let stop = new AbortController();
    let pause = FIRST_PAUSE_MS;
    let timer: ReturnType<typeof setTimeout> | undefined;
    setState((before) => (before.name === name ? before : { name, isLoading: true }));
    const read = async () => {
      stop.abort();
      clearTimeout(timer);
      stop = new AbortController();
      const { signal } = stop;
      setState((before) => ({ ...before, isLoading: true }));
      try {
        const value = await latest.current(signal);
        if (signal.aborted) return;
        pause = FIRST_PAUSE_MS;
        setState({ name, value, at: Date.now(), isLoading: false });
      } catch (error) {
        if (signal.aborted) return;
        const problem = failureOf(error);
        setState((before) => ({ ...before, name, problem, isLoading: false }));
        if (problem.name === "Refusal" && !problem.isPassing) return;
        timer = setTimeout(read, pause * (0.5 + Math.random()));
        pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
      }
    };
    run.current = () => void read();
    void read();
    return () => {
      stop.abort();
      clearTimeout(timer);
      run.current = () => {};
    };
  }, [name]);
  const reload = useCallback(() => run.current(), []);
  const replace = useCallback((change: (value: Value) => Value) => {
    setState((before) =>
      before.value === undefined ? before : { ...before, value: change(before.value) },
    );
  }, []);
  const known: State<Value> = state.name === name ? state : { name, isLoading: true };
  return {
    value: known.value,
    problem: known.problem,
    at: known.at,
    isLoading: known.isLoading,
    reload,
    replace,
  };
}

/** A page of a list, as the API gives it. */
export interface ListPage<Item> {
  readonly items: readonly Item[];
  /** Empty on the last page. */
  readonly next: string;
}

/** A list of which the first pages are shown. */
export interface Pages<Item> extends Loaded<readonly Item[]> {
  readonly hasMore: boolean;
  readonly more: () => void;
}

const PAGE = 50;

/** Read a list by pages, anew for each `name`; reading it again reads all that is shown. */
export function usePages<Item>(
  name: string,
  load: (
    page: { page_size: number; page_token: string },
    signal: AbortSignal,
  ) => Promise<ListPage<Item>>,
): Pages<Item> {
  const [wanted, setWanted] = useState({ name, count: PAGE });
  const count = wanted.name === name ? wanted.count : PAGE;
  const counted = useRef(count);
  counted.current = count;
  const loaded = useLoaded(name, async (signal) => {
    const items: Item[] = [];
    let next = "";
    do {
      const page = await load({ page_size: PAGE, page_token: next }, signal);
      items.push(...page.items);
      next = page.next;
    } while (next && items.length < counted.current);
    return { items, hasMore: next !== "" };
  });
  const { value, reload, replace } = loaded;
  return {
    ...loaded,
    value: value?.items,
    hasMore: value?.hasMore ?? false,
    more: () => {
      counted.current = count + PAGE;
      setWanted({ name, count: counted.current });
      reload();
    },
    replace: useCallback(
      (change) => replace((before) => ({ ...before, items: [...change(before.items)] })),
      [replace],
    ),
  };
}

/** Call a function a moment after the last of many calls. */
export function useSoon(run: () => void, pause = 150): () => void {
  const latest = useRef(run);
  latest.current = run;
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  return useCallback(() => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => latest.current(), pause);
  }, [pause]);
}
