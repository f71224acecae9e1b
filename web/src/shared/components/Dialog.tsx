import type { ComponentChildren, JSX } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";

interface Props {
  readonly title: string;
  readonly children: ComponentChildren;
  /** Called when it is to go: by Escape, or when a form in it says so. */
  readonly onClose: () => void;
}

/** A dialog over the page: focus stays in it, Escape closes it, and focus goes back to where it was. */
export function Dialog({ title, children, onClose }: Props): JSX.Element {
  const element = useRef<HTMLDialogElement>(null);
  const name = useId();
  useLayoutEffect(() => {
    const dialog = element.current;
    // The document, or the shadow root in which the app is a part of somebody's page.
    const before = (dialog?.getRootNode() as Document | ShadowRoot | undefined)?.activeElement;
    dialog?.showModal();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={element}
      class="dialog"
      part="dialog"
      aria-labelledby={name}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      // A second Escape closes it without asking.
      onClose={({ currentTarget }) => {
        if (!currentTarget.isConnected) return;
        onClose();
        requestAnimationFrame(() => {
          // One that is not to go is shown again.
          if (currentTarget.isConnected && !currentTarget.open) currentTarget.showModal();
        });
      }}
    >
      <h2 id={name}>{title}</h2>
      {children}
    </dialog>
  );
}
