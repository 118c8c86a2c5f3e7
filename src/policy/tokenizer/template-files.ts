// Where a Hugging Face folder keeps chat templates: chat_template.jinja and, named, additional_chat_templates/NAME.jinja; where there is neither,
// `chat_template` of tokenizer_config.json, one text or named ones, in a list or by name.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { modelError, readModelText } from "../model/model-file.js";
import { kTokenizerConfigFile, type TokenizerConfig } from "./tokenizer-config.js";

export const kTemplateFile = "chat_template.jinja";
export const kTemplateFolder = "additional_chat_templates";

export interface TemplateSource {
  readonly name: string;
  /** The path below the folder. */
  readonly file: string;
  readonly source: string;
}

/**
 * @returns the templates; the one without a name is called "default"
 * @throws E_MODEL when a file cannot be read, or the field holds no templates
 */
export function readTemplates(dir: string, { chatTemplate }: TokenizerConfig): readonly TemplateSource[] {
  const files = new Map([["default", kTemplateFile]]);
  for (const file of additionalTemplates(dir)) {
    files.set(file.slice(kTemplateFolder.length + 1, -kSuffix.length), file);
  }
  const own = [...files].flatMap(([name, file]) => {
    const source = readModelText(dir, file);
    return source === undefined ? [] : [{ name, file, source }];
  });
  if (own.length > 0 || chatTemplate === undefined) return own;
  const field = schema.safeParse(chatTemplate);
  if (!field.success)
    throw modelError(
      dir,
      kTokenizerConfigFile,
      "chat_template to be text, or texts by name",
      showType(chatTemplate),
    );
  return field.data.map(({ name, template }) => ({ name, file: kTokenizerConfigFile, source: template }));
}

/** Paths below the folder of its named templates, sorted. @throws E_MODEL when their folder cannot be read */
export function additionalTemplates(dir: string): readonly string[] {
  let names: readonly string[];
  try {
    names = readdirSync(join(dir, kTemplateFolder));
  } catch (cause) {
    const isAbsent =
      cause instanceof Error && "code" in cause && (cause.code === "ENOENT" || cause.code === "ENOTDIR");
    if (isAbsent) return [];
    throw modelError(dir, kTemplateFolder, "a readable folder", String(cause), cause);
  }
  return names
    .filter((name) => name.endsWith(kSuffix))
    .sort()
    .map((name) => `${kTemplateFolder}/${name}`);
}

// --- internal ---

const kSuffix = ".jinja";
const schema = z.union([
  z.string().transform((template) => [{ name: "default", template }]),
  z.array(z.looseObject({ name: z.string(), template: z.string() })),
  z
    .record(z.string(), z.string())
    .transform((templates) => Object.entries(templates).map(([name, template]) => ({ name, template }))),
]);

function showType(value: unknown): string {
  return Array.isArray(value) ? "another list" : typeof value;
}
