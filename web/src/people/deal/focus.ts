/** Where the focus goes when what had it is gone. */

import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

/** Move the focus to `heading` when an element of `box` that had it was taken away, and nothing else has got it. */
export function useKeptFocus(
  box: { readonly current: HTMLElement | null },
  heading: { readonly current: HTMLElement | null },
): void {
  const last = useRef<Element>(undefined);
  useEffect(() => {
    const note = (event: Event) => {
      // Within a shadow root, if the app is a part of somebody's page.
      const [target] = event.composedPath();
      const isInside = target instanceof Element && box.current?.contains(target);
      last.current = isInside ? target : undefined;
    };
    document.addEventListener("focusin", note);
    // A click beside everything leaves on purpose.
    document.addEventListener("pointerdown", note);
    return () => {
      document.removeEventListener("focusin", note);
      document.removeEventListener("pointerdown", note);
    };
  }, [box]);
  useLayoutEffect(() => {
    const { activeElement, body } = document;
    const root = box.current?.getRootNode();
    const isLost =
      activeElement === body ||
      (root instanceof ShadowRoot && activeElement === root.host && !root.activeElement);
    if (isLost && last.current && !last.current.isConnected) heading.current?.focus();
  });
}
