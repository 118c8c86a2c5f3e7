import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadPolicy } from "../../../src/policy/load-policy.js";
import { type Json, readJson } from "../fixture-models.js";
import { copyModel, editJson } from "../model/model-copies.js";

const kEndOfTurn = 357;
const kEndOfText = 358;

interface Folder {
  readonly config?: Json;
  readonly generation?: Json | null;
  readonly tokenizer?: Json;
  readonly map?: Json;
}

function folderOf({ config, generation, tokenizer, map }: Folder): string {
  const dir = copyModel("qwen2");
  editJson(join(dir, "config.json"), { eos_token_id: undefined, ...config });
  const file = join(dir, "generation_config.json");
  if (generation === null) rmSync(file);
  else editJson(file, { eos_token_id: undefined, ...generation });
  editJson(join(dir, "tokenizer_config.json"), { eos_token: undefined, ...tokenizer });
  if (map !== undefined) writeFileSync(join(dir, "special_tokens_map.json"), JSON.stringify(map));
  return dir;
}

const load = (folder: Folder) =>
  loadPolicy(folderOf(folder), { contextLength: 64, cacheTokens: 4096, device: "cpu" });

describe("the tokens that end an answer", () => {
  const named: [string, Folder, number[]][] = [
    [
      "all three name one",
      {
        config: { eos_token_id: kEndOfText },
        generation: { eos_token_id: [kEndOfText, 359] },
        tokenizer: { eos_token: "<|im_end|>" },
      },
      [kEndOfText, 359, kEndOfTurn],
    ],
    [
      "a base model's config, tuned on turns",
      {
        config: { eos_token_id: kEndOfText },
        generation: { eos_token_id: kEndOfText },
        tokenizer: { eos_token: "<|im_end|>" },
      },
      [kEndOfText, kEndOfTurn],
    ],
    ["the tokenizer alone", { tokenizer: { eos_token: "<|im_end|>" } }, [kEndOfTurn]],
    [
      "the tokenizer alone, as a record",
      { generation: null, tokenizer: { eos_token: { content: "<|im_end|>" } } },
      [kEndOfTurn],
    ],
    [
      "a list in config.json",
      { config: { eos_token_id: [kEndOfTurn, kEndOfText] } },
      [kEndOfTurn, kEndOfText],
    ],
    ["generation_config.json alone", { generation: { eos_token_id: [kEndOfText] } }, [kEndOfText]],
    [
      "the same one three times",
      {
        config: { eos_token_id: kEndOfTurn },
        generation: { eos_token_id: [kEndOfTurn] },
        tokenizer: { eos_token: "<|im_end|>" },
      },
      [kEndOfTurn],
    ],
    [
      "a tokenizer's that is no token",
      { config: { eos_token_id: kEndOfTurn }, tokenizer: { eos_token: "<|nowhere|>" } },
      [kEndOfTurn],
    ],
  ];
  it.each(named)("are those that anything in the folder names: %s", async (_, folder, expected) => {
    await using policy = await load(folder);
    expect(policy.config.eosTokenIds).toEqual(expected);
  });

  it("all end what is sampled, and stand nowhere else in it", async () => {
    await using policy = await load({
      config: { eos_token_id: kEndOfText },
      tokenizer: { eos_token: "<|im_end|>" },
    });
    const choices = await policy.sample({ prompt: [1, 2, 3], n: 64, maxTokens: 60, seed: 3 });
    const ends = new Set<number>();
    for (const { tokens, finishReason } of choices) {
      const stops = [...tokens].flatMap((id, at) => (policy.config.eosTokenIds.includes(id) ? [at] : []));
      expect(stops).toEqual(finishReason === "stop" ? [tokens.length - 1] : []);
      if (finishReason === "stop") ends.add(tokens.at(-1) ?? -1);
    }
    expect([...ends].sort()).toEqual([kEndOfTurn, kEndOfText]);
  });

  it("are warned of where a folder names none", async () => {
    const warned = new Promise<Error & { code?: string }>((resolve) => {
      process.once("warning", resolve as (warning: Error) => void);
    });
    await using policy = await load({});
    expect(policy.config.eosTokenIds).toEqual([]);
    const warning = await warned;
    expect([warning.name, warning.code]).toEqual(["AgentLightningWarning", "AGL_NO_STOP_TOKEN"]);
    expect(warning.message).toMatch(/eos_token.*tokenizer_config\.json/s);
  });

  it("do not hold one that the model cannot sample", async () => {
    const dir = folderOf({ config: { eos_token_id: kEndOfTurn }, tokenizer: { eos_token: "<|beyond|>" } });
    const file = join(dir, "tokenizer.json");
    const added = (readJson(file) as { added_tokens: Json[] }).added_tokens;
    editJson(file, { added_tokens: [...added, { ...added[0], id: 400, content: "<|beyond|>" }] });
    await using policy = await loadPolicy(dir, { contextLength: 64, cacheTokens: 256, device: "cpu" });
    expect(policy.tokenizer.eosId).toBe(400);
    expect(policy.config.eosTokenIds).toEqual([kEndOfTurn]);
  });
});
