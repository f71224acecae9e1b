import type { ComponentChildren, JSX } from "preact";
import { Button } from "../../shared/components/Button.tsx";
import { t } from "../messages.ts";
import type { Command } from "./commands.ts";
import { Waiting } from "./Waiting.tsx";

interface Props {
  readonly command: Pick<Command<unknown>, "progress" | "isWaiting" | "isLate" | "error">;
  /** Whether it is told at the fields why it was refused. */
  readonly isTold?: boolean;
  /** Whether it cannot be sent as things stand. */
  readonly isBlocked?: boolean;
  readonly kind?: "primary" | "danger";
  /** The way out, where there is one. */
  readonly onClose?: () => void;
  /** The words of the button that sends it. */
  readonly children: ComponentChildren;
}

/** The end of a form: how it stands, the button that sends it, and the way out. */
export function FormEnd({
  command,
  isTold = false,
  isBlocked = false,
  kind = "primary",
  onClose,
  children,
}: Props): JSX.Element {
  const { isWaiting, progress } = command;
  const isBusy = isWaiting || progress === "done";
  return (
    <>
      <Waiting command={command} isTold={isTold} />
      <div class="actions">
        <Button type="submit" kind={kind} busy={isBusy} off={isBusy || isBlocked}>
          {children}
        </Button>
        {onClose && (
          <Button onClick={onClose}>{t(isWaiting ? "action.close" : "action.cancel")}</Button>
        )}
      </div>
    </>
  );
}
