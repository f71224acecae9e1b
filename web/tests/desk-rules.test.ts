import { describe, expect, it } from "vitest";
import { readEvidence } from "../src/desk/case/evidence.ts";
import {
  type Draft,
  type DraftMeasure,
  decisionOf,
  emptyDraft,
  faultsOf,
  kindsFor,
  newMeasure,
} from "../src/desk/case/measures.ts";
import { newsFor, rebased } from "../src/desk/case/news.ts";
import { timeline } from "../src/desk/case/timeline.ts";
import { readSplit } from "../src/desk/disputes/split.ts";
import type { AuditEntry, Case, Evidence, Sanction } from "../src/desk/generated/api.ts";

const NOON = "2027-03-01T12:00:00.000Z";

function at(minutes: number): string {
  return new Date(Date.parse(NOON) + minutes * 60_000).toISOString();
}

function step(version: number, actor: string, action = "claimed"): AuditEntry {
  return {
    number: version,
    create_time: at(version),
    actor,
    capacity: "moderator",
    action,
    target_kind: "case",
    target_id: "case",
    version,
    digest: "",
    previous_hash: "",
    hash: "",
  };
}

function evidence(take: string, content: unknown, kind = "messages"): Evidence {
  const written = typeof content === "string" ? content : JSON.stringify(content);
  return {
    id: take,
    kind,
    sha256: "",
    size: written.length,
    take_time: take,
    content: written,
    intact: true,
  };
}

function message(id: string, text: string, minutes: number, more = {}): object {
  return {
    message: { id, text, sender: "bob", create_time: at(minutes), kind: "MESSAGE_KIND_TEXT" },
    ...more,
  };
}

const CASE = {
  id: "case",
  accused: ["bob", "ann"],
  participants: ["ann", "bob"],
  subject: { kind: "message", id: "m1", conversation_id: "c", number: 0 },
  reports: [],
  evidence: [],
  decisions: [],
  appeals: [],
} satisfies Partial<Case>;

describe("a time line", () => {
  it("shows each thing once, as it was seen last, with its earlier texts", () => {
    const entries = timeline({
      case: {
        ...CASE,
        evidence: [
          evidence(at(20), {
            reported: "m2",
            messages: [
              message("m1", "kinder words", 1, {
                versions: [{ text: "first", write_time: at(1) }],
              }),
              message("m2", "another", 2),
            ],
          }),
          evidence(at(10), { reported: "m1", messages: [message("m1", "harsh words", 1)] }),
        ],
      },
      steps: [],
      sanctions: [],
    });
    const messages = entries.flatMap((one) => (one.kind === "message" ? [one.message] : []));
    expect(messages.map(({ id, text, isReported }) => [id, text, isReported])).toEqual([
      ["m1", "kinder words", true],
      ["m2", "another", true],
    ]);
    expect(messages[0]?.before.map(({ text }) => text)).toEqual(["first", "harsh words"]);
    expect(entries.filter(({ kind }) => kind === "evidence")).toHaveLength(2);
  });

  it("takes an event of a deal from both snapshots as one, with its price, note and message", () => {
    const event = { service_id: "s", number: "2", cause: "countered", by: "bob", title: "Tap" };
    const talk = {
      reported: "m7",
      messages: [
        {
          message: {
            id: "m7",
            create_time: at(3),
            event: { ...event, amount_minor: "12050", currency: "EUR", event_time: at(3) },
          },
        },
      ],
    };
    const deal = {
      events: [
        {
          ...event,
          create_time: at(3),
          offer: { note: "With a valve.", price: { amount_minor: "12050", currency: "EUR" } },
        },
      ],
    };
    const entries = timeline({
      case: { ...CASE, evidence: [evidence(at(10), talk), evidence(at(10), deal, "deal")] },
      steps: [],
      sanctions: [],
    });
    const [only, ...others] = entries.flatMap((one) => (one.kind === "deal" ? [one.event] : []));
    expect(others).toEqual([]);
    expect(only).toMatchObject({
      price: { amount_minor: 12050, currency: "EUR" },
      texts: ["With a valve."],
      messageId: "m7",
      isReported: true,
    });
  });

  it("is in the order of time, and names sanctions of other cases and what was lifted", () => {
    const sanction = (id: string, case_id: string, lift?: string): Sanction => ({
      id,
      kind: "muted",
      conversation_id: "",
      message_id: "",
      decision_id: "",
      users: ["bob"],
      case_id,
      imposed_by: "mia",
      lifted_by: lift ? "otto" : "",
      lift_reason: "",
      dispute_id: "",
      number: 0,
      statement: {
        kind: "muted",
        scope: "account",
        scope_id: "bob",
        start_time: at(0),
        facts: "",
        ground: "terms",
        rule: "",
        automated_detection: false,
        automated_decision: false,
        appeal_until_time: at(99),
      },
      ...(lift && { lift_time: lift }),
    });
    const entries = timeline({
      case: { ...CASE, evidence: [evidence(at(5), { messages: [message("m1", "words", 4)] })] },
      steps: [step(6, "mia"), step(7, "mia", "violation_found")],
      sanctions: [
        sanction("old", "other"),
        sanction("own", "case", at(8)),
        sanction("old", "other"),
      ],
    });
    expect(entries.map(({ kind }) => kind)).toEqual([
      "sanction",
      "message",
      "evidence",
      "step",
      "lifted",
    ]);
  });

  it.each(["", "no JSON", "[]", "null", '{"messages":[null,7,{"message":5}],"events":[[]]}'])(
    "takes nothing for granted of the content %s",
    (content) => {
      expect(readEvidence({ content }).seen).toEqual([]);
    },
  );
});

describe("a decision", () => {
  const measure: DraftMeasure = newMeasure("muted", CASE, 1);
  const draft: Draft = {
    ...emptyDraft(4),
    verdict: "violation",
    measures: [measure, newMeasure("message_removed", CASE, 2, "m9")],
    facts: "Threats.",
    rule: "Terms 4.2",
  };

  it("gives each measure its reasons, and an end to what ends", () => {
    expect(decisionOf(draft, Date.parse(NOON))).toEqual({
      version: 4,
      verdict: "violation",
      note: "",
      measures: [
        {
          kind: "muted",
          user: "bob",
          facts: "Threats.",
          rule: "Terms 4.2",
          ground: "terms",
          until_time: "2027-03-08T12:00:00.000Z",
        },
        {
          kind: "message_removed",
          message_id: "m9",
          facts: "Threats.",
          rule: "Terms 4.2",
          ground: "terms",
        },
      ],
    });
  });

  it("restricts nobody without a violation, whatever was written before", () => {
    const none: Draft = { ...draft, verdict: "no_violation" };
    expect(faultsOf(none)).toEqual([]);
    expect(decisionOf(none, 0)).toMatchObject({ verdict: "no_violation", measures: [] });
  });

  it.each([
    [{ verdict: "" }, ["verdict"]],
    [{ measures: [] }, ["measures"]],
    [{ facts: "  " }, ["facts"]],
    [{ rule: "" }, ["rule"]],
    [{ measures: [{ ...measure, length: "0" }] }, ["length"]],
    [{ measures: [{ ...measure, length: "1.5" }] }, ["length"]],
    [{ measures: [{ ...measure, length: "-3" }] }, ["length"]],
    [{}, []],
  ] as const)("lacks what %o lacks", (change, places) => {
    expect(faultsOf({ ...draft, ...change }).map(({ place }) => place)).toEqual(places);
  });

  it("offers what the subject allows", () => {
    const kinds = (kind: Case["subject"]["kind"]) =>
      kindsFor({ subject: { ...CASE.subject, kind } }).slice(4);
    expect(kinds("message")).toEqual(["message_removed", "conversation_locked"]);
    expect(kinds("statement")).toEqual(["statement_removed", "conversation_locked"]);
    expect(kinds("conversation")).toEqual(["conversation_locked"]);
  });
});

describe("news", () => {
  it("is what others did since, never what one did oneself alone", () => {
    const steps = [step(1, ""), step(2, "mia"), step(3, "mia")];
    expect(newsFor(steps, 1, "mia")).toEqual([]);
    expect(newsFor([...steps, step(4, "otto")], 2, "mia")).toHaveLength(2);
  });

  it("keeps a draft upon the version that was seen, until its author has looked", () => {
    const written: Draft = { ...emptyDraft(2), facts: "Words." };
    expect(rebased(undefined, { version: 5 }, [], "mia").version).toBe(5);
    expect(rebased(emptyDraft(2), { version: 5 }, [step(5, "otto")], "mia").version).toBe(5);
    expect(rebased(written, { version: 3 }, [step(3, "mia")], "mia").version).toBe(3);
    expect(rebased(written, { version: 3 }, [step(3, "otto")], "mia").version).toBe(2);
  });
});

describe("a split", () => {
  const price = { amount_minor: 12050, currency: "EUR" };

  it("is both parts of the price", () => {
    expect(readSplit("80", " 40.50 ", price)).toEqual({ provider_minor: 8000, client_minor: 4050 });
  });

  it.each([
    ["80", "40"],
    ["80", "40,50"],
    ["", "120.50"],
    ["120.505", "0"],
    ["-1", "121.50"],
  ])("is not %s and %s", (provider, client) => {
    expect(readSplit(provider, client, price)).toBeUndefined();
  });
});
