// The OpenAPI 3.1 document of the store's routes, from the schemas that check their requests.
import { z } from "zod";
import * as records from "../../store/http/wire-records.js";
import { attributesSchema, spanContextSchema, spanSchema } from "../../store/http/wire-span.js";
import type { Route } from "./route.js";

/** @param base  where the routes are mounted */
export function toOpenApi(routes: readonly Route[], base: string): object {
  const schemas = createSchemas();
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = `${base}${route.path.replace(/:(\w+)/g, "{$1}")}`;
    const operations = paths[path] ?? {};
    operations[route.method.toLowerCase()] = toOperation(route, schemas.of);
    paths[path] = operations;
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "agentlightning store",
      version: "0.3",
      summary: "The store's routes of Agent Lightning 0.3",
    },
    paths,
    components: {
      schemas: schemas.components(),
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer" },
        key: { type: "apiKey", in: "header", name: "x-api-key" },
      },
    },
    security: [{ bearer: [] }, { key: [] }, {}],
  };
}

// --- internal ---

type JsonSchema = Record<string, unknown>;

const kNamed = {
  Attempt: records.attemptSchema,
  AttemptedRollout: records.attemptedRolloutSchema,
  Attributes: attributesSchema,
  Resource: records.resourceSchema,
  ResourcesUpdate: records.resourcesUpdateSchema,
  Rollout: records.rolloutSchema,
  RolloutConfig: records.rolloutConfigSchema,
  Span: spanSchema,
  SpanContext: spanContextSchema,
  Statistics: records.statisticsSchema,
  Worker: records.workerSchema,
} as const;

// Schemas by name refer to each other; all others are written out where they are used.
function createSchemas() {
  const registry = z.registry<{ readonly id: string }>();
  for (const [id, schema] of Object.entries(kNamed)) registry.add(schema, { id });
  const options = {
    uri: (id: string) => `#/components/schemas/${id}`,
    unrepresentable: "any",
    override: completeSchema,
  } as const;
  const strip = ({ $schema: _schema, $id: _id, ...schema }: JsonSchema) => schema;
  return {
    of(schema: z.ZodType): JsonSchema {
      const name = Object.entries(kNamed).find(([, named]) => named === schema)?.[0];
      if (name !== undefined) return { $ref: options.uri(name) };
      const anonymous = z.registry<{ readonly id: string }>();
      for (const [id, named] of Object.entries(kNamed)) anonymous.add(named, { id });
      anonymous.add(schema, { id: "this" });
      return strip((z.toJSONSchema(anonymous, options).schemas.this ?? {}) as JsonSchema);
    },
    components: () =>
      Object.fromEntries(
        Object.entries(z.toJSONSchema(registry, options).schemas).map(([id, schema]) => [
          id,
          strip(schema as JsonSchema),
        ]),
      ),
  };
}

// A field with a default need not be sent; the checks of attributes and metadata are code.
function completeSchema({ zodSchema, jsonSchema }: { zodSchema: unknown; jsonSchema: JsonSchema }): void {
  if (zodSchema === records.metadataSchema)
    Object.assign(jsonSchema, { type: "object", additionalProperties: {} });
  if (zodSchema === attributesSchema) {
    const scalars = ["string", "number", "boolean"].map((type) => ({ type }));
    const lists = scalars.map((items) => ({ type: "array", items }));
    Object.assign(jsonSchema, { type: "object", additionalProperties: { anyOf: [...scalars, ...lists] } });
  }
  if (!(zodSchema instanceof z.ZodObject) || !Array.isArray(jsonSchema.required)) return;
  const isRequired = (key: string) => !(zodSchema.shape[key] as z.ZodType).safeParse(undefined).success;
  jsonSchema.required = (jsonSchema.required as string[]).filter((key) => key === "input" || isRequired(key));
}

function toOperation(route: Route, schemaOf: (schema: z.ZodType) => JsonSchema): object {
  const names = [...route.path.matchAll(/:(\w+)/g)].map(([, name]) => name);
  const inPath = names.map((name) => ({ name, in: "path", required: true, schema: { type: "string" } }));
  const inQuery = Object.entries(route.query?.shape ?? {}).map(([name, schema]) => ({
    name,
    in: "query",
    required: !(schema as z.ZodType).safeParse(undefined).success,
    schema: schemaOf(schema as z.ZodType),
  }));
  const json = (schema: JsonSchema) => ({ "application/json": { schema } });
  const refused = { description: "Refused", content: json(kRefusal) };
  return {
    summary: route.summary,
    ...(inPath.length + inQuery.length > 0 ? { parameters: [...inPath, ...inQuery] } : {}),
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: !route.isBodyOptional, content: json(schemaOf(route.body)) } }),
    responses: {
      [route.status ?? 200]: { description: "OK", content: json(schemaOf(route.answer)) },
      "4XX": refused,
      503: {
        ...refused,
        description: "Too much at once, or no store: nothing was done where Retry-After is given",
        headers: kRetryAfter,
      },
    },
  };
}

const kRetryAfter = {
  "retry-after": { description: "Seconds after which to ask again", schema: { type: "integer" } },
};
const kRefusal = {
  type: "object",
  properties: { detail: { anyOf: [{ type: "string" }, { type: "array", items: { type: "object" } }] } },
  required: ["detail"],
};
