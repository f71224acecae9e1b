/**
 * Writes src/generated/packets.ts, the types and tables of the protocol, from docs/asyncapi.json.
 *
 *     node scripts/generate-packets.ts           writes the file
 *     node scripts/generate-packets.ts --check   fails when it is not what the schema says
 */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { compile, type JSONSchema } from "json-schema-to-typescript";

interface Reference {
  $ref: string;
}

/** A row of the table of objects. */
interface Showing {
  kind: string;
  key: string[];
  version: string;
  all: boolean;
}

interface Schema {
  $ref?: string;
  const?: number;
  anyOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  description?: string;
  "x-shows"?: Showing[];
  "x-meanings"?: Record<string, { name?: string; retryable?: boolean }>;
}

interface Operation {
  action: "receive" | "send";
  messages: Reference[];
  reply?: { messages: Reference[] };
}

/** What is read of docs/asyncapi.json. */
interface Description {
  channels: { ws: { messages: Record<string, { name: string }> } };
  operations: Record<string, Operation>;
  components: { schemas: Record<string, Schema> };
}

const SOURCE = new URL("../../../docs/asyncapi.json", import.meta.url);
const TARGET = new URL("../src/generated/packets.ts", import.meta.url);
const BANNER = `/**
 * The packets of the protocol: their payloads, and tables about them. Made from docs/asyncapi.json
 * by scripts/generate-packets.ts; not to be changed by hand.
 */`;

const described: Description = JSON.parse(readFileSync(SOURCE, "utf8"));
const { schemas } = described.components;
const operations = Object.values(described.operations);
const received = operations.filter(({ action }) => action === "receive");
const fromClient = new Set(received.flatMap(({ messages }) => messages.map(nameOf)));
// The messages of either side, in the order of their numbers.
const messages = Object.entries(described.channels.ws.messages);
const client = messages.map(([name]) => name).filter((name) => fromClient.has(name));
const server = messages.map(([name]) => name).filter((name) => !fromClient.has(name));

/** The name of the schema or the message to which a reference leads. */
function nameOf(reference: Reference): string {
  return reference.$ref.slice(reference.$ref.lastIndexOf("/") + 1);
}

function schemaOf(name: string): Schema {
  const found = schemas[name];
  if (found === undefined) {
    throw new Error(`docs/asyncapi.json has no schema ${name}`);
  }
  return found;
}

function propertiesOf(name: string): Record<string, Schema> {
  return schemaOf(name).properties ?? {};
}

/** The opcode of a message. */
function numberOf(message: string): number {
  const { op } = propertiesOf(message);
  if (op?.const === undefined) {
    throw new Error(`the message ${message} has no constant opcode`);
  }
  return op.const;
}

/** The structure of the payload of a message. */
function payloadOf(message: string): string {
  const { d } = propertiesOf(message);
  if (d?.$ref === undefined) {
    throw new Error(`the message ${message} has no structure as its payload`);
  }
  return nameOf({ $ref: d.$ref });
}

/** The structures that a field holds, alone or in a list. */
function heldBy(schema: Schema): string[] {
  if (schema.$ref !== undefined) {
    return [nameOf({ $ref: schema.$ref })];
  }
  const inside = [...(schema.anyOf ?? []), ...(schema.items === undefined ? [] : [schema.items])];
  return inside.flatMap(heldBy);
}

function showsItself(structure: string): boolean {
  return schemaOf(structure)["x-shows"] !== undefined;
}

/** Whether a structure shows an object, or one in it does. */
function shows(structure: string): boolean {
  const held = Object.values(propertiesOf(structure)).flatMap(heldBy);
  return showsItself(structure) || held.some(shows);
}

/** For each structure the fields that lead to objects, with the structures that they may hold. */
function nestings(): Record<string, Record<string, string[]>> {
  const found: Record<string, Record<string, string[]>> = {};
  for (const structure of Object.keys(schemas)) {
    const fields = Object.entries(propertiesOf(structure))
      .map(([field, schema]) => [field, heldBy(schema).filter(shows)] as const)
      .filter(([, held]) => held.length > 0);
    if (fields.length > 0 && described.channels.ws.messages[structure] === undefined) {
      found[structure] = Object.fromEntries(fields);
    }
  }
  return found;
}

/** For each structure the objects that it shows; `all` is there where it is true. */
function showings(): [string, Partial<Showing>[]][] {
  return Object.entries(schemas).flatMap(
    ([name, { "x-shows": shown }]): [string, Partial<Showing>[]][] =>
      shown === undefined
        ? []
        : [[name, shown.map(({ all, ...row }) => (all ? { ...row, all } : row))]],
  );
}

/** What tells apart structures of which a field holds one: a field that the later ones lack. */
function marks(nested: Record<string, Record<string, string[]>>): [string, string][] {
  const fields = Object.values(nested).flatMap((one) => Object.values(one));
  const several = fields.find((held) => held.length > 1) ?? [];
  return several.slice(0, -1).map((name, index) => {
    const later = several.slice(index + 1).flatMap((one) => Object.keys(propertiesOf(one)));
    const mark = schemaOf(name).required?.find((field) => !later.includes(field));
    if (mark === undefined) {
      throw new Error(`nothing tells ${name} from the structures beside it`);
    }
    return [name, mark];
  });
}

/** The answer to each packet of a client, both by number. */
function answers(): [number, number | null][] {
  return received.flatMap(({ messages, reply }) => {
    const answer = reply?.messages.map(nameOf).find((name) => name !== "ErrorPacket");
    const number = answer === undefined ? null : numberOf(answer);
    return messages.map((one): [number, number | null] => [numberOf(nameOf(one)), number]);
  });
}

/** The values of a constant as a type of its name. */
function typeOf(name: string): string {
  return `export type ${name} = (typeof ${name})[keyof typeof ${name}];\n`;
}

/** A constant with a line for each of its rows. */
function table(name: string, comment: string, rows: [string | number, unknown][]): string {
  const lines = rows.map(([key, value]) => `  ${key}: ${JSON.stringify(value)},`);
  return `/** ${comment} */\nexport const ${name} = {\n${lines.join("\n")}\n} as const;\n`;
}

function tables(): string {
  const nested = nestings();
  // Single constants, of which a bundler keeps what is used.
  const numbers = [...new Map(messages.map(([message, { name }]) => [name, numberOf(message)]))];
  const meanings = (name: string) => Object.entries(schemaOf(name)["x-meanings"] ?? {});
  return [
    numbers.map(([name, number]) => `export const ${name} = ${number};\n`).join(""),
    table(
      "NAMES",
      "The name of each packet, by its number.",
      numbers.map(([name, number]) => [number, name.replaceAll("_", " ")]),
    ),
    table(
      "ANSWERS",
      "The packet that answers each packet of a client, unless ERROR does; null: nothing does.",
      answers(),
    ),
    table(
      "CloseCode",
      "The close codes of the edge. The hundreds say what to do.",
      meanings("CloseCode").map(([code, { name }]) => [name ?? code, Number(code)]),
    ),
    typeOf("CloseCode"),
    table(
      "RETRYABLE",
      "Each error code, and whether the same packet may succeed later. ERROR has the last word.",
      meanings("ErrorCode").map(([code, { retryable }]) => [code, retryable]),
    ),
    table(
      "STRUCTURES",
      "The structure of each packet to a client that shows objects.",
      server
        .filter((name) => shows(payloadOf(name)))
        .map((name) => [numberOf(name), payloadOf(name)]),
    ),
    table(
      "SHOWINGS",
      "The objects that each structure shows: the fields that name one, and that of its version.",
      showings(),
    ),
    table(
      "NESTED",
      "The fields of each structure that lead to objects, with the structures that they hold.",
      Object.entries(nested),
    ),
    table(
      "MARKS",
      "The field that tells a structure from those after it, where a field holds one of several.",
      marks(nested),
    ),
    `/** The payload that a client sends with an opcode. */
export type PayloadOf<Code extends ClientPacket["op"]> = NonNullable<
  Extract<ClientPacket, { op: Code }>["d"]
>;
`,
    `/** The payload of the answer to a packet of a client; never where there is none. */
export type AnswerTo<Code extends ClientPacket["op"]> = Extract<
  ServerPacket,
  { op: (typeof ANSWERS)[Code] }
>["d"];
`,
  ].join("\n");
}

/** The document's schemas, their references as the compiler knows them, with both unions. */
function definitions(): JSONSchema {
  const union = (description: string, names: string[]) => ({
    description,
    anyOf: names.map((name) => ({ $ref: `#/components/schemas/${name}` })),
  });
  const all = {
    ClientPacket: union("A packet from a client.", client),
    ServerPacket: union("A packet to a client.", server),
    ...schemas,
  };
  return JSON.parse(JSON.stringify(all).replaceAll("#/components/schemas/", "#/definitions/"));
}

async function generate(): Promise<string> {
  const all = {
    description: "A packet, in either direction.",
    anyOf: ["ClientPacket", "ServerPacket"].map((name) => ({ $ref: `#/definitions/${name}` })),
    definitions: definitions(),
  };
  const types = await compile(all, "Packet", {
    additionalProperties: false,
    bannerComment: BANNER,
    style: { printWidth: 100 },
  });
  return `${types}\n${tables()}`;
}

const fresh = await generate();
if (!existsSync(TARGET) || readFileSync(TARGET, "utf8") !== fresh) {
  if (process.argv.includes("--check")) {
    process.stderr.write(
      "drift: src/generated/packets.ts; run `node sdk/typescript/scripts/generate-packets.ts`\n",
    );
    process.exitCode = 1;
  } else {
    writeFileSync(TARGET, fresh);
  }
}
