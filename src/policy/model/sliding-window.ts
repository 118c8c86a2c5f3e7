// How many positions a token attends to, itself included, where that is not all before it. Within its window a model with one computes
// what a model without one does: transformers masks keys at a distance of the window or more.
import { showJson } from "./show-json.js";

/** The fields of config.json that say so. */
export interface WindowFields {
  readonly model_type?: string | null | undefined;
  readonly num_hidden_layers: number;
  readonly use_sliding_window?: boolean | null | undefined;
  readonly [field: string]: unknown;
}

/**
 * @param fail  makes the error that names the file: (expected, got)
 * @returns the window, undefined where there is none
 * @throws what `fail` makes, for layers of another kind and for windows that are no count
 */
export function slidingWindow(
  raw: WindowFields,
  fail: (expected: string, got: string) => Error,
): number | undefined {
  const isSliding = slidingLayers(raw, fail);
  const isQwen = raw.model_type?.startsWith("qwen") === true;
  const size = raw.sliding_window ?? (raw.sliding_window === undefined ? defaultWindow(raw) : undefined);
  const isOff = raw.use_sliding_window === false || (isQwen && raw.use_sliding_window !== true);
  const window = isOff ? undefined : size;
  if (window !== undefined && !(Number.isSafeInteger(window) && Number(window) >= 1))
    throw fail("sliding_window to be null or a count of tokens", showJson(window));
  if (isSliding === true && window === undefined)
    throw fail("sliding_window beside layer_types of sliding_attention", showJson(raw.sliding_window));
  if (raw.use_sliding_window === true && window === undefined && !isQwen)
    throw fail("sliding_window beside use_sliding_window", showJson(raw.sliding_window));
  // Qwen's layers slide as layer_types says, else from max_window_layers on.
  if (isQwen && isSliding === false) return undefined;
  if (isQwen && isSliding === undefined && numberOr(raw.max_window_layers, 28) >= raw.num_hidden_layers)
    return undefined;
  return window === undefined ? undefined : Number(window);
}

// --- internal ---

/** transformers: Mistral without the field has a window of 4,096, as has Qwen where it uses one. */
function defaultWindow({ model_type }: WindowFields): number | undefined {
  return model_type === "mistral" || model_type?.startsWith("qwen") === true ? 4096 : undefined;
}

/** Whether a layer slides; undefined where layer_types is silent. */
function slidingLayers(
  { layer_types: types, num_hidden_layers: layers }: WindowFields,
  fail: (expected: string, got: string) => Error,
): boolean | undefined {
  if (types === undefined || types === null) return undefined;
  const isKnown = (type: unknown) => type === "full_attention" || type === "sliding_attention";
  if (!Array.isArray(types) || types.length !== layers || !types.every(isKnown))
    throw fail(
      'layer_types all "full_attention" or "sliding_attention", one for each layer',
      showJson(types),
    );
  return types.includes("sliding_attention");
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === "number" ? value : otherwise;
}
