import { Banned, type Sanction, type Standing } from "@parley/client";
import { beforeEach, describe, expect, it } from "vitest";
import { refusalWords } from "../src/people/forms/refusals.ts";
import { REASONS, reasonWords, reportProblems } from "../src/people/report/reasons.ts";
import { packetOf, stepsOf } from "../src/people/sanction/left.ts";
import {
  inOrder,
  isLetIn,
  lockOf,
  muteOf,
  nextEnd,
  notices,
  stands,
} from "../src/people/sanction/rules.ts";
import { fromNow } from "../src/shared/format.ts";
import { chooseLanguage } from "../src/shared/language.ts";

const NOW = Date.parse("2026-01-10T00:00:00Z");
const LATER = "2026-01-11T00:00:00Z";
const BEFORE = "2026-01-09T00:00:00Z";

function sanction(name: string, kind: Sanction["kind"], more: Partial<Sanction> = {}): Sanction {
  const statement = {
    kind,
    scope: "account",
    start: "2026-01-01T00:00:00Z",
    facts: "facts",
    ground: "terms" as const,
    rule: "rule",
    automated_detection: false,
    automated_decision: false,
  };
  return {
    sanction: name,
    kind,
    statement,
    decision: "d",
    appealable: true,
    version: 1,
    lifted: false,
    ...more,
  };
}

const names = (all: readonly Sanction[]) => all.map((one) => one.sanction);

beforeEach(() => chooseLanguage("en"));

describe("sanctions", () => {
  it("stand until they are lifted, or their time is over", () => {
    expect(stands(sanction("a", "muted", { until: LATER }), NOW)).toBe(true);
    expect(stands(sanction("a", "muted", { until: BEFORE }), NOW)).toBe(false);
    expect(stands(sanction("a", "banned"), NOW)).toBe(true);
    expect(stands(sanction("a", "banned", { lifted: true }), NOW)).toBe(false);
  });

  it("are shown the gravest first, and those that are over last", () => {
    const all = [
      sanction("warning", "warning"),
      sanction("over", "banned", { lifted: true }),
      sanction("mute", "muted", { until: LATER }),
      sanction("unknown", "something new" as "warning"),
      sanction("ban", "banned"),
    ];
    expect(names(inOrder(all, NOW))).toEqual(["ban", "mute", "warning", "unknown", "over"]);
  });

  it("mute by the one that lasts longest", () => {
    const short = sanction("short", "muted", { until: LATER });
    const long = sanction("long", "muted", { until: "2026-02-01T00:00:00Z" });
    expect(muteOf([short, long], NOW)?.sanction).toBe("long");
    expect(muteOf([{ ...long, lifted: true }, short], NOW)?.sanction).toBe("short");
    expect(muteOf([short], Date.parse(LATER))).toBeUndefined();
  });

  it("lock one conversation and no other", () => {
    const lock = sanction("lock", "conversation_locked", { conversation: "c" });
    expect(lockOf([lock], "c", NOW)).toBe(lock);
    expect(lockOf([lock], "other", NOW)).toBeUndefined();
    expect(lockOf([sanction("lock", "conversation_locked")], undefined, NOW)).toBeUndefined();
  });

  it("that forbid nothing are told until they were seen", () => {
    const all = [
      sanction("w", "warning"),
      sanction("m", "muted"),
      sanction("r", "message_removed"),
    ];
    expect(names(notices(all, new Set(), NOW))).toEqual(["r", "w"]);
    expect(names(notices(all, new Set(["r"]), NOW))).toEqual(["w"]);
  });

  it("say when something changes by itself", () => {
    const all = [
      sanction("a", "muted", { until: "2026-02-01T00:00:00Z" }),
      sanction("b", "suspended", { until: LATER }),
      sanction("c", "muted", { until: BEFORE }),
      sanction("d", "banned"),
    ];
    expect(nextEnd(all, NOW)).toBe(LATER);
    expect(nextEnd([], NOW)).toBeUndefined();
  });

  it.each([
    [{ banned: false }, true],
    [{ banned: true }, false],
    [{ banned: false, suspended_until: LATER }, false],
    [{ banned: false, suspended_until: BEFORE }, true],
    [{ banned: false, muted_until: LATER }, true],
  ])("%j lets in: %s", (standing, isIn) => {
    expect(isLetIn({ user: "ann", sanctions: [], ...standing } as Standing, NOW)).toBe(isIn);
  });
});

describe("the steps that are left without a socket", () => {
  const deal = {
    service: "s",
    allowed_actions: ["accept", "counter", "decline", "deliver", "submit_note", "open_dispute"],
    amendment: { number: 4, service: "s" },
  } as unknown as Parameters<typeof stepsOf>[0];

  it("are those that say and promise nothing", () => {
    expect(stepsOf(deal)).toEqual(["deliver", "decline"]);
    expect(packetOf("deliver", deal)).toEqual([
      "service-terminated",
      { service: "s", outcome: "delivered" },
    ]);
  });

  it("name the offer that is shown", () => {
    const [, said] = packetOf("decline", deal) ?? [];
    expect(said).toEqual({ service: "s", outcome: "declined", offer: 4 });
    const { amendment: _, ...without } = deal;
    expect(stepsOf(without)).toEqual(["deliver"]);
  });
});

describe("a report", () => {
  it("needs a reason, and words for another one", () => {
    expect(reportProblems("", "")).toEqual({ reason: "report.no_reason" });
    expect(reportProblems("other", "  ")).toEqual({ comment: "report.no_comment" });
    expect(reportProblems("other", "words")).toEqual({});
    expect(reportProblems("spam", "")).toEqual({});
  });

  it("counts characters as the server does", () => {
    expect(reportProblems("spam", "🦜".repeat(2_000))).toEqual({});
    expect(reportProblems("spam", "🦜".repeat(2_001))).toEqual({ comment: "report.too_long" });
  });

  it("has words for every reason, and for one of a newer server", () => {
    const words = REASONS.map(reasonWords);
    expect(new Set(words).size).toBe(REASONS.length);
    expect(reasonWords("something_new")).toBe(reasonWords("other"));
  });
});

describe("refusals", () => {
  it.each([
    [{ code: "INVALID_STATE", reason: "ALREADY_REPORTED" }, "already"],
    // As the outbox keeps it.
    [{ code: "INVALID_STATE", d: { reason: "STALE_SETTLEMENT" } }, "the proposal has changed"],
    [{ code: "UNREACHABLE" }, "does not answer"],
    [{ code: "SANCTIONED" }, "sanction"],
    [new Banned({ banned: true }), "sanction"],
    [{ code: "INVALID_STATE", reason: "SOMETHING_NEW" }, "changed meanwhile"],
    [{ code: "SOMETHING_NEW", message: "no" }, "no"],
    [new Error("broken"), "broken"],
  ])("%j: %s", (error, words) => {
    expect(refusalWords(error)).toContain(words);
  });
});

it("writes how long it is until a time, in the language of the page", () => {
  expect(fromNow("2026-01-12T23:00:00Z", NOW)).toBe("in 2 days");
  expect(fromNow("2026-01-10T03:30:00Z", NOW)).toBe("in 3 hours");
  expect(fromNow("2026-01-10T00:05:00Z", NOW)).toBe("in 5 minutes");
  chooseLanguage("fr");
  expect(fromNow("2026-01-12T23:00:00Z", NOW)).toBe("dans 2 jours");
});
