// Every keyword of JSON schema (draft-07 and 2020-12) and what becomes of it. One that is in none of these lists is refused.

/** Enforced by the grammar. */
export const kEnforced: ReadonlySet<string> = new Set([
  ..."type enum const nullable".split(" "),
  ..."$ref allOf anyOf oneOf".split(" "),
  ..."properties required additionalProperties patternProperties propertyNames".split(" "),
  ..."minProperties maxProperties unevaluatedProperties".split(" "),
  ..."items prefixItems additionalItems unevaluatedItems minItems maxItems".split(" "),
  ..."minimum maximum exclusiveMinimum exclusiveMaximum multipleOf".split(" "),
  ..."pattern format minLength maxLength".split(" "),
]);

/** Names, and places for schemas that others refer to. */
export const kDefinitions: ReadonlySet<string> = new Set(
  "$schema $id $anchor $dynamicAnchor $recursiveAnchor $vocabulary $defs definitions".split(" "),
);

/** Said about a value, without bounding it. */
export const kAnnotations: ReadonlySet<string> = new Set([
  ..."title description default examples $comment deprecated readOnly writeOnly".split(" "),
  ..."contentMediaType contentEncoding contentSchema".split(" "),
  // OpenAPI's, and what generators of schemas add.
  ..."id example discriminator externalDocs xml propertyOrdering strict".split(" "),
]);

/** Refused by name, with what to do about it. */
export const kRefused: ReadonlyMap<string, string> = new Map([
  ["not", "say what is allowed instead"],
  ["if", "write each case as a branch of anyOf"],
  ["then", "write each case as a branch of anyOf"],
  ["else", "write each case as a branch of anyOf"],
  ["contains", "bound the items with items"],
  ["minContains", "bound the items with items"],
  ["maxContains", "bound the items with items"],
  ["uniqueItems", "check it in the reward"],
  ["dependencies", "write each case as a branch of anyOf"],
  ["dependentRequired", "write each case as a branch of anyOf"],
  ["dependentSchemas", "write each case as a branch of anyOf"],
  ["$dynamicRef", "use $ref"],
  ["$recursiveRef", "use $ref"],
]);
