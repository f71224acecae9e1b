import type { ComponentChildren, JSX } from "preact";

interface Props extends Omit<JSX.IntrinsicElements["button"], "kind" | "type"> {
  /** The step that a screen is for is `primary`, and there is one of it; `danger` destroys something. */
  readonly kind?: "primary" | "plain" | "quiet" | "danger";
  readonly type?: "button" | "submit";
  readonly children: ComponentChildren;
  /** Something is under way: it is not pressed twice, and stays where the focus is. */
  readonly busy?: boolean;
  /** It cannot be pressed now, and stays where the focus is. */
  readonly off?: boolean;
}

/** A button. */
export function Button({
  kind = "plain",
  type = "button",
  busy,
  off = busy,
  onClick,
  class: more = "",
  ...rest
}: Props): JSX.Element {
  return (
    <button
      {...rest}
      type={type}
      class={`button ${kind} ${more}`}
      part={`button ${kind}`}
      // A disabled button would lose the focus.
      aria-disabled={off || undefined}
      aria-busy={busy || undefined}
      onClick={(event) => {
        if (off) event.preventDefault();
        else onClick?.(event);
      }}
    />
  );
}
