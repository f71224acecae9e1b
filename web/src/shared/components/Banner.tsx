import type { ComponentChildren, JSX } from "preact";

interface Props {
  /** How much it matters: `error` is read out at once, the others when the reader pauses. */
  readonly kind?: "info" | "warning" | "error";
  readonly children: ComponentChildren;
  /** Buttons: the ways out. */
  readonly actions?: ComponentChildren;
}

/** A line that says how something stands. */
export function Banner({ kind = "info", children, actions }: Props): JSX.Element {
  return (
    <div
      class={`banner ${kind}`}
      part={`banner ${kind}`}
      role={kind === "error" ? "alert" : "status"}
    >
      <div class="banner-words">{children}</div>
      {actions && <div class="banner-actions">{actions}</div>}
    </div>
  );
}
