// The process of one isolated attempt: runs the agent that the first message names, and ends with the process that started it.
import { setInterval } from "../base/clock.js";
import { loadAgent, loadRedact } from "./agent-module.js";
import type { AttemptEnd } from "./attempt-job.js";
import { type FromChild, kAliveMs, type ToChild } from "./isolated-messages.js";
import { createInProcessRun } from "./run-in-process.js";
import { describeThrown } from "./thrown.js";

const abort = new AbortController();
process.on("message", (message: ToChild) => {
  if (message.kind === "abort") abort.abort(new DOMException(message.reason, "AbortError"));
  else void run(message);
});
process.on("disconnect", () => process.exit(1));

// --- internal ---

async function run({ agentPath, job, graceMs }: Extract<ToChild, { kind: "run" }>): Promise<void> {
  setInterval(() => send({ kind: "alive" }), kAliveMs);
  try {
    const agent = await loadAgent(agentPath);
    const running = createInProcessRun(agent, { graceMs, redact: await loadRedact(agentPath) })(job, {
      signal: abort.signal,
      onSpan: (span) => send({ kind: "span", span }),
    });
    await finish(await running.end, running.released);
  } catch (error) {
    await finish({ ended: "threw", error: describeThrown(error), droppedSpans: 0 }, Promise.resolve());
  }
}

async function finish(end: AttemptEnd, released: Promise<void>): Promise<void> {
  await new Promise<void>((resolve) =>
    process.send?.({ kind: "end", end } satisfies FromChild, () => resolve()),
  );
  await released;
  process.exit(0);
}

function send(message: FromChild): void {
  // A failure to send means that the other side is gone: "disconnect" follows.
  process.send?.(message, undefined, undefined, () => undefined);
}
