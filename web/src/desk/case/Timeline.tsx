import type { ComponentChildren, JSX } from "preact";
import { Button } from "../../shared/components/Button.tsx";
import { Words } from "../../shared/components/Words.tsx";
import { dayAndTime } from "../../shared/format.ts";
import { query } from "../../shared/router.ts";
import { oneLine } from "../../shared/words.ts";
import { setFilter } from "../filters.tsx";
import { t, wordFor } from "../messages.ts";
import {
  AppealAnswer,
  AppealWords,
  DecisionWords,
  EvidenceWords,
  ResolutionWords,
  SanctionWords,
} from "../Parts.tsx";
import { amount, splitWords, stepWords } from "../words.ts";
import type { SeenEvent, SeenMessage } from "./evidence.ts";
import { type Entry, LAYERS, type Layer } from "./timeline.ts";

interface Props {
  readonly entries: readonly Entry[];
  /** Puts the removal of a message into the decision; undefined where nothing is decided. */
  readonly onRemove?: ((message: string) => void) | undefined;
}

/** All that is known of a case, the oldest first. */
export function Timeline({ entries, onRemove }: Props): JSX.Element {
  const hidden = new Set((query.value["hide"] ?? "").split(","));
  const shown = entries.filter(({ layer }) => !hidden.has(layer));
  const present = LAYERS.filter((layer) => entries.some((one) => one.layer === layer));
  return (
    <section aria-labelledby="timeline">
      <h2 id="timeline">{t("timeline.title")}</h2>
      <fieldset class="layers">
        <legend class="muted">{t("timeline.layers")}</legend>
        {present.map((layer) => (
          <label key={layer} class="switch">
            <input
              type="checkbox"
              checked={!hidden.has(layer)}
              onChange={(event) => hide(hidden, layer, !event.currentTarget.checked)}
            />{" "}
            {t(`timeline.layer_${layer}`)}
          </label>
        ))}
      </fieldset>
      <ol class="timeline">
        {shown.map((entry) => (
          <li key={entry.key} class={`entry ${entry.layer} ${isReported(entry) ? "reported" : ""}`}>
            <time dateTime={entry.at}>{entry.at ? dayAndTime(entry.at) : ""}</time>
            <div class="entry-body">
              <EntryBody entry={entry} onRemove={onRemove} />
            </div>
          </li>
        ))}
      </ol>
    </section>
  );
}

function hide(hidden: ReadonlySet<string>, layer: Layer, isHidden: boolean): void {
  const next = LAYERS.filter((one) => (one === layer ? isHidden : hidden.has(one)));
  setFilter("hide", next.join(","));
}

function isReported(entry: Entry): boolean {
  if (entry.kind === "message") return entry.message.isReported;
  if (entry.kind === "deal") return entry.event.isReported;
  return entry.kind === "statement" && entry.statement.isReported;
}

interface BodyProps {
  readonly entry: Entry;
  readonly onRemove: Props["onRemove"];
}

function EntryBody({ entry, onRemove }: BodyProps): JSX.Element {
  switch (entry.kind) {
    case "message":
      return <Message message={entry.message} onRemove={onRemove} />;
    case "deal":
      return <DealEvent event={entry.event} onRemove={onRemove} />;
    case "statement": {
      const { by, text, isReported: reported, isRemoved } = entry.statement;
      return (
        <>
          <Head
            who={by}
            what={t(isRemoved ? "timeline.statement_removed" : "timeline.statement")}
            isReported={reported}
          />
          <Text text={text} />
        </>
      );
    }
    case "report": {
      const { reporter, reason, comment, reporter_standing, status } = entry.report;
      return (
        <>
          <Head who={reporter} what={t("timeline.report", { reason: wordFor("reason", reason) })} />
          {comment && <Text text={comment} />}
          <p class="muted">
            {t("timeline.reporter", {
              standing: wordFor("standing", reporter_standing),
              status: wordFor("report_status", status),
            })}
          </p>
        </>
      );
    }
    case "evidence":
      return <EvidenceWords evidence={entry.evidence} snapshot={entry.snapshot} />;
    case "step":
      return <p>{stepWords(entry.step)}</p>;
    case "decision":
      return <DecisionWords decision={entry.decision} />;
    case "sanction":
      return (
        <>
          <p class="muted">{t("timeline.other_case")}</p>
          <SanctionWords sanction={entry.sanction} isLinked />
        </>
      );
    case "lifted": {
      const { lifted_by, lift_reason } = entry.sanction;
      return (
        <>
          <Head who={lifted_by} what={t("timeline.lifted")} />
          {lift_reason && <Text text={lift_reason} />}
          <SanctionWords sanction={entry.sanction} isLinked />
        </>
      );
    }
    case "appeal":
      return <AppealWords appeal={entry.appeal} />;
    case "answer":
      return <AppealAnswer appeal={entry.appeal} />;
    case "offer":
      return (
        <Head
          who={entry.offer.by}
          what={t("timeline.offer", splitWords(entry.offer.settlement, entry.currency))}
        />
      );
    case "resolution":
      return <ResolutionWords resolution={entry.resolution} currency={entry.currency} />;
  }
}

/** The head of an entry: the person, and what it is. */
function Head({
  who,
  what,
  isReported: reported = false,
}: {
  readonly who: string;
  readonly what?: ComponentChildren;
  readonly isReported?: boolean;
}): JSX.Element {
  return (
    <p class="entry-head">
      {who && (
        <strong>
          <bdi>{oneLine(who)}</bdi>
        </strong>
      )}{" "}
      {what} {reported && <mark>{t("timeline.reported")}</mark>}
    </p>
  );
}

function Text({ text }: { readonly text: string }): JSX.Element {
  return (
    <p class="quoted">
      <Words text={text} />
    </p>
  );
}

function Message({
  message,
  onRemove,
}: {
  readonly message: SeenMessage;
  readonly onRemove: Props["onRemove"];
}): JSX.Element {
  const { sender, text, gone, before, isReported: reported, id } = message;
  return (
    <>
      <Head who={sender} what={gone && wordFor("timeline.gone", gone)} isReported={reported} />
      {before.map((one) => (
        <div key={one.text} class="before">
          <p class="muted">{t("timeline.before")}</p>
          <Text text={one.text} />
        </div>
      ))}
      {text && <Text text={text} />}
      {onRemove && id && gone !== "removed" && <Remove onRemove={() => onRemove(id)} text={text} />}
    </>
  );
}

function DealEvent({
  event,
  onRemove,
}: {
  readonly event: SeenEvent;
  readonly onRemove: Props["onRemove"];
}): JSX.Element {
  const { by, cause, title, price, texts, isReported: reported, messageId } = event;
  const what = wordFor("deal", cause);
  return (
    <>
      <Head
        who={by}
        what={
          price
            ? t("timeline.deal_price", { what, title: oneLine(title), price: amount(price) })
            : t("timeline.deal", { what, title: oneLine(title) })
        }
        isReported={reported}
      />
      {texts.map((text) => (
        <Text key={text} text={text} />
      ))}
      {onRemove && messageId && reported && (
        <Remove onRemove={() => onRemove(messageId)} text={title} />
      )}
    </>
  );
}

function Remove({
  onRemove,
  text,
}: {
  readonly onRemove: () => void;
  readonly text: string;
}): JSX.Element {
  return (
    <Button kind="quiet" onClick={onRemove}>
      {t("timeline.remove")}
      {/* Which of many, for who does not see what is beside it. */}
      <span class="unseen">: {oneLine(text).slice(0, 60)}</span>
    </Button>
  );
}
