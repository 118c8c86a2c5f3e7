// Lines of an exported store as batches that a store can take whole: all resources, each rollout with all that belongs to it, all workers.
import { LightningError } from "../base/error.js";
import { toJsonValue } from "../base/json-value.js";
import type { ResourcesUpdate } from "../types/resources.js";
import type { Worker } from "../types/rollout.js";
import type { Span } from "../types/span.js";
import type { TransferBatch, TransferredRollout } from "./transfer-contract.js";
import {
  kTransferFormat,
  kTransferVersion,
  type TransferLine,
  transferLineSchema,
} from "./transfer-records.js";

/** @throws E_ARGUMENT naming the line that is wrong, or that lines are missing */
export async function* readTransfer(lines: AsyncIterable<string>): AsyncGenerator<TransferBatch> {
  let number = 0;
  const resources: ResourcesUpdate[] = [];
  const workers: Worker[] = [];
  let open: OpenRollout | undefined;
  let end: Extract<TransferLine, { kind: "end" }> | undefined;
  const counts = { resources: 0, rollouts: 0, spans: 0, workers: 0 };
  for await (const text of lines) {
    number++;
    if (number === 1) checkHeader(text);
    if (number === 1 || text.trim() === "") continue;
    const line = parse(text, number);
    if (end !== undefined) throw wrong(number, "nothing after the last line");
    if (open !== undefined && open.missing > 0 && line.kind !== "span")
      throw wrong(number, `${open.missing} more spans of rollout ${open.whole.rollout.rolloutId}`);
    if (line.kind === "resources") {
      if (counts.rollouts > 0) throw wrong(number, "resources before rollouts");
      resources.push(line.resources);
      counts.resources++;
    } else if (line.kind === "rollout") {
      if (counts.rollouts === 0 && resources.length > 0) yield { resources };
      const { rollout, attempts } = line;
      if (
        attempts.some((attempt, i) => attempt.rolloutId !== rollout.rolloutId || attempt.sequenceId !== i + 1)
      )
        throw wrong(number, `attempts of rollout ${rollout.rolloutId}, numbered from 1`);
      open = {
        whole: { rollout: { ...rollout, input: rollout.input ?? null }, attempts, spans: [] },
        missing: line.spans,
      };
      counts.rollouts++;
    } else if (line.kind === "span") {
      if (open === undefined || open.missing === 0 || !belongs(line.span, open.whole))
        throw wrong(number, "a span of the rollout before it");
      open.whole.spans.push(line.span);
      open.missing--;
      counts.spans++;
    } else if (line.kind === "worker") {
      workers.push(line.worker);
      counts.workers++;
    } else end = line;
    if (open?.missing === 0) {
      yield { rollouts: [open.whole] };
      open = undefined;
    }
  }
  const whole = end !== undefined && JSON.stringify(end.counts) === JSON.stringify(counts);
  if (!whole) throw wrong(number, "the file to go on: it was cut short, or lines are missing");
  if (counts.rollouts === 0 && resources.length > 0) yield { resources };
  if (workers.length > 0) yield { workers };
}

// --- internal ---

interface OpenRollout {
  readonly whole: TransferredRollout & { readonly spans: Span[] };
  missing: number;
}

const kReadable: readonly unknown[] = Array.from({ length: kTransferVersion }, (_, i) => i + 1);

function checkHeader(text: string): void {
  const header = toJsonValue(text);
  const { format, version } = (typeof header === "object" && header !== null ? header : {}) as Record<
    string,
    unknown
  >;
  if (format !== kTransferFormat)
    throw wrong(1, `the header of an exported store ("format": "${kTransferFormat}")`);
  if (!kReadable.includes(version))
    throw wrong(
      1,
      `version ${kTransferVersion} or older, got ${String(version)}; a newer agentlightning wrote it`,
    );
}

function parse(text: string, number: number): TransferLine {
  const parsed = transferLineSchema.safeParse(toJsonValue(text));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw wrong(number, `a record of a store (${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""})`);
}

function belongs({ rolloutId, attemptId }: Span, { rollout, attempts }: TransferredRollout): boolean {
  return rolloutId === rollout.rolloutId && attempts.some((attempt) => attempt.attemptId === attemptId);
}

function wrong(line: number, expected: string): LightningError {
  return new LightningError("E_ARGUMENT", `store import: line ${line}: expected ${expected}`);
}
