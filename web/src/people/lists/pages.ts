import type { Pages } from "@parley/client";
import { useEffect, useRef, useState } from "preact/hooks";
import { useSnapshot } from "../../shared/stores.ts";
import { useLate } from "../forms/commands.ts";
import { useSession } from "../session.ts";

/** A list that is read page by page, as far as it was read. */
export interface Listed<Item> {
  readonly items: readonly Item[];
  readonly loading: "loading" | "ready" | "failed";
  /** Whether nobody has answered for longer than that takes. */
  readonly isLate: boolean;
  readonly error: unknown;
  /** Read the next page; undefined where there is none. */
  readonly more: (() => void) | undefined;
  readonly reload: () => void;
}

/** Read a list when it is shown, and anew after it has failed and the connection is back. */
export function usePages<Item>(make: () => Pages<Item>): Listed<Item> {
  const { client } = useSession();
  const { state } = useSnapshot(client.connection);
  const [items, setItems] = useState<readonly Item[]>([]);
  const [loading, setLoading] = useState<Listed<Item>["loading"]>("loading");
  const [error, setError] = useState<unknown>();
  const [next, setNext] = useState<string>();
  const turn = useRef(0);
  const read = (page?: string) => {
    const mine = ++turn.current;
    setLoading("loading");
    make()
      .page(page)
      .then(
        (told) => {
          if (turn.current !== mine) return;
          setItems(page === undefined ? told.items : [...items, ...told.items]);
          setNext(told.next);
          setLoading("ready");
        },
        (cause: unknown) => {
          if (turn.current !== mine) return;
          setError(cause);
          setLoading("failed");
        },
      );
  };
  const isBack = state === "live" && loading !== "ready";
  useEffect(() => {
    read();
    return () => {
      turn.current++;
    };
  }, [client]);
  useEffect(() => {
    if (isBack && loading === "failed") read();
  }, [isBack]);
  return {
    items,
    loading,
    isLate: useLate(loading === "loading" && state === "live"),
    error,
    more: next === undefined ? undefined : () => read(next),
    reload: () => read(),
  };
}
