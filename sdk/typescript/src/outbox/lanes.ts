import * as ops from "../generated/packets.ts";
import type { Data } from "../protocol.ts";

/** With what lanes begin: of a person until the conversation is known, and of a conversation. */
export const PERSON = "person ";
export const CONVERSATION = "conversation ";

/** Gives the lane of a conversation. */
export const conversationLane = (conversation: unknown): string => CONVERSATION + conversation;

/**
 * Gives the lane in which a command keeps its place: of a conversation for messages, of a person and a subject
 * until the conversation is known, of a message for its changes, of a service, or of a dispute; else its own.
 */
export function laneOf(op: number, d: Data, key: string): string {
  if (d["to"] !== undefined) return PERSON + JSON.stringify([d["to"], d["subject"] ?? null]);
  if (op === ops.CREATE_MSG) return conversationLane(d["conversation"]);
  if (op === ops.EDIT_MSG || op === ops.DELETE_MSG) return `message ${d["message"]}`;
  if (op === ops.SERVICE_CREATED) return `deals ${d["conversation"]}`;
  if (op === ops.LITIGE_STATEMENT) return `dispute ${d["dispute"]}`;
  return d["service"] === undefined ? `command ${key}` : `service ${d["service"]}`;
}

/** Fields in which people write. */
const WORDS = ["text", "comment", "reason", "note", "title", "description", "statement"];

/** Whether a command holds words of a person, which must not be thrown away. */
export function holdsWords(op: number, d: Data): boolean {
  // Why something is reported is chosen from a list.
  const chosen = op >= ops.REPORT_CONVERSATIONS || op === ops.REPORT_STATEMENT;
  return WORDS.some((field) => !!d[field] && !(chosen && field === "reason"));
}
