/** What can be watched: a store of the client, or one of another make with the same two functions. */
export interface Watchable<Snapshot> {
  readonly subscribe: (listener: () => void) => () => void;
  readonly getSnapshot: () => Snapshot;
}

/** Wait until a snapshot is as `wanted`, and give it. Rejects with the reason of `signal` when that is aborted. */
export function until<Snapshot>(
  store: Watchable<Snapshot>,
  wanted: (snapshot: Snapshot) => unknown,
  options: { signal?: AbortSignal } = {},
): Promise<Snapshot> {
  const { signal } = options;
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      stop();
      reject(signal?.reason);
    };
    const look = (): void => {
      const snapshot = store.getSnapshot();
      if (!wanted(snapshot)) return;
      stop();
      resolve(snapshot);
    };
    const stop = (): void => {
      leave();
      signal?.removeEventListener("abort", abort);
    };
    // A store may call back while somebody subscribes.
    let leave = (): void => {};
    leave = store.subscribe(look);
    signal?.addEventListener("abort", abort);
    if (signal?.aborted) abort();
    else look();
  });
}
