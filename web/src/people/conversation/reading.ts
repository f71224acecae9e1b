import type { ConversationStore, ConversationView } from "@parley/client";
import { useEffect, useRef } from "preact/hooks";

/**
 * Mark as read what has been in view, while the page is in front. Rows have their place in `data-seq`, at their end:
 * a long message is read where it ends.
 */
export function useReading(
  box: { readonly current: HTMLElement | null },
  store: ConversationStore,
  view: ConversationView,
): void {
  const seen = useRef(0);
  useEffect(() => {
    const root = box.current;
    if (!root || view.loading !== "ready") return;
    let observer: IntersectionObserver | undefined;
    const look = () => {
      observer?.disconnect();
      observer = undefined;
      if (document.hidden) return;
      // In view of the window, for the list itself may be out of it in a page of somebody else.
      observer = new IntersectionObserver((entries) => {
        for (const { isIntersecting, target } of entries) {
          const seq = Number((target as HTMLElement).dataset["seq"]);
          if (isIntersecting) seen.current = Math.max(seen.current, seq);
        }
        // A mark that does not arrive now is made with the next.
        if (seen.current > view.readUpTo) store.markRead(seen.current).catch(() => {});
      });
      for (const end of root.querySelectorAll<HTMLElement>("[data-seq]")) {
        // What is read already is not read again.
        if (Number(end.dataset["seq"]) > view.readUpTo) observer.observe(end);
      }
    };
    look();
    document.addEventListener("visibilitychange", look);
    return () => {
      observer?.disconnect();
      document.removeEventListener("visibilitychange", look);
    };
  }, [box, store, view.rows, view.loading, view.readUpTo]);
}
