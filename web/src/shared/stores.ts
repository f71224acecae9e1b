/** Stores of `@parley/client` as state of components. */

import { useLayoutEffect, useReducer } from "preact/hooks";

/** What can be watched, as the stores of `@parley/client` are. */
export interface Watched<Snapshot> {
  readonly subscribe: (listener: () => void) => () => void;
  readonly getSnapshot: () => Snapshot;
}

/** Give the present snapshot of a store, and render anew after each change of it. */
export function useSnapshot<Snapshot>(store: Watched<Snapshot>): Snapshot {
  const [, renderAnew] = useReducer((count: number) => count + 1, 0);
  const shown = store.getSnapshot();
  useLayoutEffect(() => {
    const end = store.subscribe(() => renderAnew(undefined));
    // What has changed between the rendering and now was not told.
    if (store.getSnapshot() !== shown) renderAnew(undefined);
    return end;
  }, [store]);
  return shown;
}
