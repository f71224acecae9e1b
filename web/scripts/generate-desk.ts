/**
 * Writes src/desk/generated/api.ts, the types of the desk's HTTP API, from docs/desk-openapi.json.
 *
 *     node scripts/generate-desk.ts           writes the file
 *     node scripts/generate-desk.ts --check   fails when it is not what the document says
 */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { compile, type JSONSchema } from "json-schema-to-typescript";

interface Parameter {
  name: string;
  in: "path" | "query" | "header" | "cookie";
  required?: boolean;
  schema: JSONSchema;
}

interface Content {
  content?: Record<string, { schema?: JSONSchema }>;
}

interface Operation {
  parameters?: Parameter[];
  requestBody?: Content;
  responses: Record<string, Content>;
}

/** The part of docs/desk-openapi.json that is read. */
interface Description {
  paths: Record<string, Record<string, Operation | Parameter[]>>;
  components: { schemas: Record<string, JSONSchema> };
}

const SOURCE = new URL("../../docs/desk-openapi.json", import.meta.url);
const TARGET = new URL("../src/desk/generated/api.ts", import.meta.url);
const METHODS = ["get", "put", "post", "delete"];
const BANNER = `/**
 * The desk's HTTP API: its structures and its operations. Made from docs/desk-openapi.json by
 * scripts/generate-desk.ts; not to be changed by hand.
 */`;

const described: Description = JSON.parse(readFileSync(SOURCE, "utf8"));

/** The structure in a body; null for one that is empty, or no JSON. */
function heldBy(body: Content | undefined): JSONSchema {
  return body?.content?.["application/json"]?.schema ?? { type: "null" };
}

/** An object of some parameters, as a schema. */
function objectOf(parameters: Parameter[]): JSONSchema {
  return {
    type: "object",
    properties: Object.fromEntries(parameters.map(({ name, schema }) => [name, schema])),
    required: parameters.filter(({ required }) => required).map(({ name }) => name),
  };
}

/** An operation as a schema: what it is given, and what it answers. */
function operationOf(operation: Operation, shared: Parameter[]): JSONSchema {
  const parameters = [...shared, ...(operation.parameters ?? [])];
  const done = Object.entries(operation.responses).find(([status]) => status.startsWith("2"));
  const properties = {
    path: objectOf(parameters.filter((one) => one.in === "path")),
    query: objectOf(parameters.filter((one) => one.in === "query")),
    body: heldBy(operation.requestBody),
    answer: heldBy(done?.[1]),
  };
  return { type: "object", properties, required: Object.keys(properties) };
}

function operations(): JSONSchema {
  const all = Object.entries(described.paths).flatMap(([path, item]) => {
    const shared = (item["parameters"] ?? []) as Parameter[];
    return METHODS.filter((method) => item[method]).map((method): [string, JSONSchema] => [
      `${method.toUpperCase()} ${path}`,
      operationOf(item[method] as Operation, shared),
    ]);
  });
  return {
    description: "The operations, each with what it is given and what it answers.",
    type: "object",
    properties: Object.fromEntries(all),
    required: all.map(([name]) => name),
  };
}

async function generate(): Promise<string> {
  const definitions = { ...described.components.schemas, Operations: operations() };
  const root = {
    description: "Any of the structures.",
    anyOf: Object.keys(definitions).map((name) => ({ $ref: `#/definitions/${name}` })),
    definitions,
  };
  const known = JSON.stringify(root).replaceAll("#/components/schemas/", "#/definitions/");
  return await compile(JSON.parse(known), "Structure", {
    additionalProperties: false,
    bannerComment: BANNER,
    style: { printWidth: 100 },
  });
}

const fresh = await generate();
if (!existsSync(TARGET) || readFileSync(TARGET, "utf8") !== fresh) {
  if (process.argv.includes("--check")) {
    process.stderr.write(
      "drift: web/src/desk/generated/api.ts; run `node web/scripts/generate-desk.ts`\n",
    );
    process.exitCode = 1;
  } else {
    mkdirSync(new URL(".", TARGET), { recursive: true });
    writeFileSync(TARGET, fresh);
  }
}
