// Checkpoints: everything training goes on from (values, AdamW's moments and steps of all that is trained, and a text of the caller's)
// in one safetensors file of float32, replaced at once. Restoring reads it whole and checks it before anything changes. It names the weights
// that the model began with by their digest: over others, of the same shape, what was trained means nothing.
import { createHash, type Hash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { basename, dirname } from "node:path";
import { z } from "zod";
import { argumentError } from "../base/check.js";
import { writing } from "../base/disk-error.js";
import { LightningError } from "../base/error.js";
import { toJsonValue } from "../base/json-value.js";
import { warn } from "../base/warning.js";
import type { NativeTrainingState } from "./engine/binding.js";
import { fromNative } from "./engine/native-error.js";
import { removeLeftovers, writeFileAtomically } from "./model/atomic-file.js";
import { modelError } from "./model/model-file.js";
import { readSafetensors, type Safetensors } from "./model/safetensors.js";
import { safetensorsChunks, type WritableTensor } from "./model/safetensors-writer.js";
import { modelTensors } from "./model/tensors.js";
import type { PolicyParts } from "./policy-parts.js";

/** @throws as Policy.saveCheckpoint */
export async function saveCheckpoint(parts: PolicyParts, file: string, state = ""): Promise<void> {
  const who = "policy.saveCheckpoint";
  checkFile(who, file);
  if (typeof state !== "string") throw argumentError(who, "state to be text", state);
  return parts.states.alone(who, async () => {
    const weights = trainedWeights(who, parts);
    const tensors = new Map<string, WritableTensor>();
    const hash = createHash("sha256");
    for (const { name, handle, shapes } of weights) {
      for (const kind of kinds) {
        const values = await fromNative(who, () => parts.engine.parameters(handle, kind));
        [...shapes].forEach(([tensor, shape], i) => {
          const data = values[i] ?? new Float32Array(0);
          tensors.set(tensorKey(name, tensor, kind), { data, shape });
          hash.update(bytesOf(data));
        });
      }
    }
    const base = await parts.baseDigest();
    if ("problem" in base)
      warn("AGL_BASE", `${who}: ${file} does not say which base weights it is of: ${base.problem}`);
    const metadata = {
      format: kFormat,
      model: JSON.stringify(parts.config),
      ...("sha256" in base ? { base: base.sha256 } : {}),
      arithmetic: parts.arithmetic,
      sha256: hash.digest("hex"),
      weights: JSON.stringify(
        weights.map(({ name, version, description }) => ({ name, version, description })),
      ),
      state,
    };
    await writing(who, file, () => {
      removeLeftovers(file);
      writeFileAtomically(file, safetensorsChunks(tensors, metadata));
    });
  });
}

/** @returns the caller's text. @throws as Policy.loadCheckpoint */
export async function loadCheckpoint(parts: PolicyParts, file: string): Promise<string> {
  const who = "policy.loadCheckpoint";
  checkFile(who, file);
  return parts.states.alone(who, async () => {
    const source = readSafetensors(file);
    const weights = trainedWeights(who, parts);
    const saved = readDescription(file, source, parts, weights);
    const hash = createHash("sha256");
    const states = weights.map((each, i) => readState(file, source, each, saved[i]?.version ?? 0, hash));
    checkHash(file, source, hash.digest("hex"));
    await checkBase(who, file, source, parts);
    warnOfArithmetic(who, file, source, parts.arithmetic);
    for (const [i, { name, handle }] of weights.entries()) {
      const state = states[i];
      if (state === undefined) continue;
      await fromNative(who, () => parts.engine.restore(handle, state));
      parts.adapters.setVersion(name, state.version);
    }
    return source.metadata.state ?? "";
  });
}

// --- internal ---

const kFormat = "agentlightning-checkpoint-1";
const kinds = ["value", "firstMoment", "secondMoment"] as const;
type Kind = (typeof kinds)[number];

interface Trained {
  readonly name: string;
  readonly handle: number;
  readonly version: number;
  /** What must be equal for the values to mean the same; null for the model itself. */
  readonly description: object | null;
  /** Of every tensor by name, in the order of the engine. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
}

function trainedWeights(who: string, { adapters, config }: PolicyParts): readonly Trained[] {
  const base = adapters.trainedBase;
  if (base !== undefined) {
    const shapes = new Map(modelTensors(config).map(({ name, shape }) => [name, shape]));
    const { version } = adapters.resolve(who, base.name);
    return [{ name: base.name, handle: base.handle, version, description: null, shapes }];
  }
  const names = adapters.names();
  if (names.length === 0)
    throw new LightningError("E_STATE", `${who}: expected an adapter, or train: "all"; nothing is trained`);
  return names.map((name) => {
    const { handle, layout } = adapters.adapter(who, name);
    const shapes = new Map(layout.tensors.map((tensor) => [tensor.name, [tensor.rows, tensor.columns]]));
    const { version } = adapters.resolve(who, name);
    return { name, handle, version, description: layout.description, shapes };
  });
}

const descriptionSchema = z.array(
  z.object({ name: z.string(), version: z.int().min(0), description: z.unknown() }),
);

function readDescription(
  file: string,
  { metadata }: Safetensors,
  { config }: PolicyParts,
  weights: readonly Trained[],
): z.infer<typeof descriptionSchema> {
  if (metadata.format !== kFormat)
    throw refuse(file, `a checkpoint (${kFormat})`, metadata.format ?? "another safetensors file");
  if (metadata.model !== JSON.stringify(config))
    throw refuse(file, "a checkpoint of this model", `one of ${metadata.model}`);
  const saved = descriptionSchema.safeParse(toJsonValue(metadata.weights ?? ""));
  if (!saved.success) throw refuse(file, "a list of weights", metadata.weights ?? "none");
  const show = (list: readonly { name: string; description?: unknown }[]) =>
    JSON.stringify(list.map(({ name, description }) => ({ name, description: withoutBase(description) })));
  if (show(saved.data) !== show(weights)) throw refuse(file, show(weights), show(saved.data));
  return saved.data;
}

/** What an adapter says of its base is for other programs: here the digest of the base decides. */
function withoutBase(description: unknown): unknown {
  if (typeof description !== "object" || description === null) return description;
  return { ...description, baseModel: undefined, baseRevision: undefined };
}

function readState(
  file: string,
  { tensors }: Safetensors,
  { name, shapes }: Trained,
  version: number,
  hash: Hash,
): NativeTrainingState {
  const descriptor = openSync(file, "r");
  try {
    const read = (kind: Kind) =>
      [...shapes].map(([tensor, shape]) => {
        const key = tensorKey(name, tensor, kind);
        const entry = tensors.get(key);
        if (entry?.dtype !== "F32" || `${entry.shape}` !== `${shape}`)
          throw refuse(file, `F32 [${shape}] at ${key}`, entry ? `${entry.dtype} [${entry.shape}]` : "none");
        const values = new Float32Array((entry.end - entry.begin) / 4);
        const bytes = bytesOf(values);
        if (readSync(descriptor, bytes, 0, bytes.length, entry.begin) !== bytes.length)
          throw refuse(file, `${bytes.length} bytes of ${key}`, "fewer");
        hash.update(bytes);
        return values;
      });
    const state = {
      values: read("value"),
      firstMoments: read("firstMoment"),
      secondMoments: read("secondMoment"),
    };
    return { ...state, version };
  } finally {
    closeSync(descriptor);
  }
}

/** A file without a checksum is one of before they had it. */
function checkHash(file: string, { metadata }: Safetensors, sha256: string): void {
  const { sha256: saved = sha256 } = metadata;
  if (saved !== sha256) throw refuse(file, `values of SHA-256 ${saved}`, sha256);
}

/** A file without a digest is one of before they had it. */
async function checkBase(
  who: string,
  file: string,
  { metadata }: Safetensors,
  { baseDigest, dir }: PolicyParts,
): Promise<void> {
  const found = await baseDigest();
  const unsaid = "it is taken for one of the same";
  if (metadata.base === undefined)
    warn("AGL_BASE", `${who}: ${file} does not say which base weights it is of; ${unsaid}`);
  else if ("problem" in found)
    warn(
      "AGL_BASE",
      `${who}: the base weights of ${dir} cannot be told from others: ${found.problem}; ${unsaid}`,
    );
  else if (metadata.base !== found.sha256)
    throw refuse(
      file,
      `a checkpoint over the base weights of ${dir} (digest ${found.sha256})`,
      `one over weights of the same shapes with digest ${metadata.base}; load the model that it was trained from`,
    );
}

function warnOfArithmetic(who: string, file: string, { metadata }: Safetensors, arithmetic: string): void {
  const { arithmetic: saved = arithmetic } = metadata;
  if (saved === arithmetic) return;
  warn(
    "AGL_ARITHMETIC",
    `${who}: ${file} was trained in ${saved}, the policy computes in ${arithmetic}: it goes on, but not to the bits it would have come to`,
  );
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function tensorKey(weights: string, tensor: string, kind: Kind): string {
  return `${weights}:${tensor}:${kind}`;
}

function refuse(file: string, expected: string, got: string): LightningError {
  return modelError(dirname(file), basename(file), expected, got);
}

function checkFile(who: string, file: unknown): void {
  if (typeof file !== "string" || file === "") throw argumentError(who, "a path", file);
}
