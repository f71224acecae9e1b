import type { JSX } from "preact";
import { t } from "../messages.ts";

interface Props {
  readonly title: string;
  /** Undefined where there was none. */
  readonly before: string | undefined;
  readonly now: string;
}

/** Something that has changed while somebody looked at it: how it was beside how it is. */
export function OldAndNew({ title, before, now }: Props): JSX.Element {
  return (
    <div class="old-and-new">
      <p>
        <strong>{title}</strong>
      </p>
      <dl>
        {before !== undefined && (
          <div class="old">
            <dt>{t("form.before")}</dt>
            <dd>{before}</dd>
          </div>
        )}
        <div class="new">
          <dt>{t("form.now")}</dt>
          <dd>{now}</dd>
        </div>
      </dl>
    </div>
  );
}
