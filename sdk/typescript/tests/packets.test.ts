/** The generated types: the opcode tells what a packet holds, and what it is answered by. */
import { expect, expectTypeOf, test } from "vitest";
import * as ops from "../src/generated/packets.ts";

test("the opcode tells the payload of a packet", () => {
  const packet: ops.ServerPacket = {
    op: ops.TYPING,
    d: { conversation: "c", user: "u", typing: true },
  };
  switch (packet.op as ops.ServerPacket["op"]) {
    case ops.TYPING:
      expectTypeOf(packet.d).toEqualTypeOf<ops.Typing>();
  }
  expectTypeOf<
    Extract<ops.ClientPacket, { op: typeof ops.TYPING }>["d"]
  >().toEqualTypeOf<ops.SendTyping>();
  expect(packet.op).toBe(18);
});

test("what is optional in the protocol is optional here, and nothing else", () => {
  expectTypeOf<ops.CreateMsg["text"]>().toEqualTypeOf<string>();
  expectTypeOf<ops.CreateMsg["to"]>().toEqualTypeOf<string | undefined>();
  expectTypeOf<ops.Conversation["last_message"]>().toEqualTypeOf<ops.Message | null>();
  expectTypeOf<ops.Error["current"]>().toEqualTypeOf<
    ops.Service | ops.Dispute | ops.Standing | undefined
  >();
  // @ts-expect-error - a packet about a conversation that names none.
  const packet: ops.ClientPacket = { op: ops.OPENED_CONVERSATION, d: { seq: 1 } };
  expect(packet.op).toBe(ops.OPENED_CONVERSATION);
});

test("the table of answers is known to the types", () => {
  expectTypeOf<ops.AnswerTo<typeof ops.CREATE_MSG>>().toEqualTypeOf<ops.StatusMsg>();
  expectTypeOf<ops.AnswerTo<typeof ops.BLOCK_USER>>().toEqualTypeOf<ops.BlockedUser>();
  expectTypeOf<ops.AnswerTo<typeof ops.PONG>>().toEqualTypeOf<never>();
  expectTypeOf<ops.PayloadOf<typeof ops.ASK_STANDING>>().toEqualTypeOf<ops.AskStanding>();
  expect(ops.ANSWERS[ops.CREATE_MSG]).toBe(ops.STATUS_MSG);
});
