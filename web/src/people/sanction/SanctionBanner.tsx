import type { Sanction } from "@parley/client";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { useNow } from "../../shared/clock.ts";
import { Banner } from "../../shared/components/Banner.tsx";
import { Button } from "../../shared/components/Button.tsx";
import { Words } from "../../shared/components/Words.tsx";
import { dayAndTime } from "../../shared/format.ts";
import { addressOf } from "../../shared/router.ts";
import { recall, remember } from "../../shared/settings.ts";
import { sanctionsOf, useTold } from "../lists/told.ts";
import { t } from "../messages.ts";
import { useSession } from "../session.ts";
import { kindOf, lockOf, muteOf, nextEnd, notices } from "./rules.ts";

/** Sanctions that somebody has put away, of which the newest are remembered. */
const MAXIMUM_SEEN = 200;

function useSeen(): [ReadonlySet<string>, (sanction: string) => void] {
  const { server, user } = useSession();
  const name = `seen sanctions ${JSON.stringify([server, user])}`;
  const [seen, setSeen] = useState(() => new Set((recall(name) ?? "").split(" ")));
  const add = (sanction: string) => {
    const all = [...seen, sanction].slice(-MAXIMUM_SEEN);
    remember(name, all.join(" "));
    setSeen(new Set(all));
  };
  return [seen, add];
}

/** A sanction that keeps this user from writing, and what they have not seen of others: why, and what is left. */
export function SanctionBanner(): JSX.Element | null {
  const sanctions = sanctionsOf(useTold());
  const now = useNow(nextEnd(sanctions, Date.now()));
  const [seen, see] = useSeen();
  const mute = muteOf(sanctions, now);
  const [notice] = notices(sanctions, seen, now);
  if (!mute && !notice) return null;
  return (
    <div class="sanctions">
      {mute && (
        <Banner kind="warning" actions={<Reasons />}>
          <Told
            title={t("sanction.muted_until", { until: dayAndTime(mute.until ?? "") })}
            left={t("sanction.left_muted")}
            sanction={mute}
          />
        </Banner>
      )}
      {notice && (
        <Banner
          actions={
            <>
              <Reasons />
              <Button
                onClick={() => {
                  see(notice.sanction);
                  requestAnimationFrame(() => {
                    // Unless another notice has taken its place.
                    if (document.activeElement === document.body)
                      document.getElementById("main")?.focus();
                  });
                }}
              >
                {t("sanction.seen")}
              </Button>
            </>
          }
        >
          <Told title={t(`sanction.told_${kindOf(notice) as "warning"}`)} sanction={notice} />
        </Banner>
      )}
    </div>
  );
}

/** The lock of a conversation, which concerns both. */
export function LockBanner({
  conversation,
}: {
  readonly conversation: string | undefined;
}): JSX.Element | null {
  const sanctions = sanctionsOf(useTold());
  const now = useNow(nextEnd(sanctions, Date.now()));
  const lock = lockOf(sanctions, conversation, now);
  if (!lock) return null;
  return (
    <Banner kind="warning" actions={<Reasons />}>
      <Told title={t("sanction.told_locked")} left={t("sanction.left_locked")} sanction={lock} />
    </Banner>
  );
}

/** How wide a window is that has room for reasons above its words, in CSS pixels. */
const ROOM = 736;

interface ToldProps {
  readonly title: string;
  /** The things that can still be done. */
  readonly left?: string;
  readonly sanction: Sanction;
}

/** A sanction in a line, with its reasons, which are folded where there is little room. */
function Told({ title, left, sanction }: ToldProps): JSX.Element {
  const { facts, rule } = sanction.statement;
  const [isOpen] = useState(() => innerWidth >= ROOM);
  return (
    <details open={isOpen}>
      <summary>
        <strong>{title}</strong>
      </summary>
      {left && <p>{left}</p>}
      <p class="banner-facts">
        <Words text={facts} /> (<Words text={rule} />)
      </p>
    </details>
  );
}

function Reasons(): JSX.Element {
  return (
    <a class="button" href={addressOf("standing")}>
      {t("sanction.reasons")}
    </a>
  );
}
