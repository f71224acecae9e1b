import { useEffect } from "preact/hooks";

/** Keep the title of the page, which lists of windows and screen readers name it by. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title;
  }, [title]);
}
