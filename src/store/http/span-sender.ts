// Sends spans: calls that come while others are under way go together in one request, each kept whole or not at all.

import { setImmediate } from "../../base/clock.js";
import { LightningError } from "../../base/error.js";
import { writeSpelled } from "../../base/spelled-integers.js";
import type { Span } from "../../types/span.js";
import type { Transport } from "./transport.js";
import { type SpanBatchResults, spanBatchResultsSchema } from "./wire-requests.js";
import { toWireSpan } from "./wire-span.js";

export interface SpanSender {
  /** As addSpans of the store. */
  add(spans: readonly Span[]): Promise<readonly (Span | null)[]>;
}

export function createSpanSender(transport: Transport): SpanSender {
  const pending: Batch[] = [];
  let underWay = 0;
  let isScheduled = false;
  const schedule = (): void => {
    if (isScheduled || underWay >= kConcurrent || pending.length === 0) return;
    isScheduled = true;
    // What the same turn of the event loop adds goes along.
    setImmediate(() => {
      isScheduled = false;
      underWay++;
      void send(transport, takeBatches(pending)).then(() => {
        underWay--;
        schedule();
      });
      schedule();
    });
  };
  return {
    async add(spans) {
      transport.checkOpen("addSpans");
      const text = toText(spans);
      return new Promise((resolve, reject) => {
        pending.push({ spans, text, resolve, reject });
        schedule();
      });
    },
  };
}

// --- internal ---

interface Batch {
  readonly spans: readonly Span[];
  readonly text: string;
  readonly resolve: (kept: readonly (Span | null)[]) => void;
  readonly reject: (error: unknown) => void;
}

const kConcurrent = 4;
/** Of one request, unless a single batch is larger. */
const kMaxChars = 2 ** 20;

function toText(spans: readonly Span[]): string {
  try {
    return writeSpelled(spans.map(toWireSpan));
  } catch (cause) {
    throw new LightningError(
      "E_ARGUMENT",
      `store.addSpans: expected spans that JSON can carry: ${String(cause)}`,
      {
        cause,
      },
    );
  }
}

function takeBatches(pending: Batch[]): Batch[] {
  let size = pending[0]?.text.length ?? 0;
  let count = 1;
  for (; count < pending.length; count++) {
    size += pending[count]?.text.length ?? 0;
    if (size > kMaxChars) break;
  }
  return pending.splice(0, count);
}

async function send(transport: Transport, batches: readonly Batch[]): Promise<void> {
  try {
    const { results } = await transport.send({
      who: "addSpans",
      method: "POST",
      path: "/spans/batch",
      body: `{"batches":[${batches.map(({ text }) => text).join(",")}]}`,
      answer: spanBatchResultsSchema,
      // A span is kept once.
      isRepeatable: true,
    });
    for (const [i, batch] of batches.entries()) settle(batch, results[i]);
  } catch (error) {
    // One that does not even match its schema must not take the others down.
    if (batches.length > 1 && error instanceof LightningError && error.code === "E_ARGUMENT")
      await Promise.all(batches.map((batch) => send(transport, [batch])));
    else for (const { reject } of batches) reject(error);
  }
}

function settle(
  { spans, resolve, reject }: Batch,
  result: SpanBatchResults["results"][number] | undefined,
): void {
  if (result === undefined)
    reject(new LightningError("E_STORE", "store.addSpans: the server's answer leaves batches out"));
  else if ("kept" in result) resolve(spans.map((span, i) => (result.kept[i] ? span : null)));
  else {
    const { code, detail } = result.error;
    reject(new LightningError(code === "E_NOT_FOUND" ? "E_NOT_FOUND" : "E_ARGUMENT", detail));
  }
}
