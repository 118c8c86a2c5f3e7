// What became of the model calls of one rollout: counts, and in words what happened to those that the policy did not answer.
import { toJsonValue } from "../base/json-value.js";
import { isAside, modelApi } from "../tracing/model-api.js";
import type { CallNote, ModelHandler } from "../types/model-call.js";

export interface CallReport {
  /** By the rollout's handler. */
  readonly answered: number;
  /** By the rollout's handler, with an error. */
  readonly refused: number;
  /** By clients that are not on fetch, and to hosts that are not routed. */
  readonly unseen: number;
  /** Of frameworks' traces, to their makers: answered here. */
  readonly traceUploads: number;
  /** One sentence for each thing that happened to calls besides an answer; empty when nothing did. */
  readonly mishaps: readonly string[];
}

export interface CallAccount {
  note(call: CallNote): void;
  /** The rollout's handler, whose answers are counted. */
  counted(handle: ModelHandler): ModelHandler;
  /** Statuses with which the handler refused, those of counts of tokens too. */
  readonly refusals: readonly number[];
  report(): CallReport;
}

export function createCallAccount(): CallAccount {
  const places = {
    forward: new Tally(),
    ignore: new Tally(),
    "unknown-host": new Tally(),
    unseen: new Tally(),
    "trace-upload": new Tally(),
  };
  const reasons = new Tally();
  const refusals: number[] = [];
  let answered = 0;
  let refused = 0;
  const answer = (response: Response) => {
    if (response.ok) {
      answered += 1;
      return;
    }
    refused += 1;
    // The client has the answer itself: what cannot be read here is only not told.
    reasonOf(response.clone()).then(
      (reason) => reasons.add(reason),
      () => reasons.add(`HTTP ${response.status}`),
    );
  };
  return {
    refusals,
    note: ({ kind, place }) => {
      if (kind !== "serve") places[kind].add(place);
    },
    counted: (handle) => async (request) => {
      const response = await handle(request);
      // A count of a prompt's tokens is no call.
      if (!isAside(modelApi(new URL(request.url).pathname))) answer(response);
      if (!response.ok) refusals.push(response.status);
      return response;
    },
    report: () => ({
      ...{ answered, refused, unseen: places.unseen.count + places["unknown-host"].count },
      traceUploads: places["trace-upload"].count,
      mishaps: [
        ...sentence(refused, "was refused", "were refused", reasons),
        ...unknownHosts(places["unknown-host"]),
        ...sentence(places.unseen.count, "could not be seen", "could not be seen", places.unseen),
        ...sentence(places.forward.count, "was forwarded", "were forwarded", places.forward),
        ...sentence(
          places.ignore.count,
          "passed unseen, as its route says",
          "passed unseen, as their route says",
          places.ignore,
        ),
      ],
    }),
  };
}

// --- internal ---

/** Names of which the first few different ones are kept. */
class Tally {
  count = 0;
  readonly names = new Set<string>();

  add(name: string): void {
    this.count += 1;
    if (this.names.size < kNamed) this.names.add(name);
  }
}

const kNamed = 3;
const kLongestReason = 300;

function sentence(count: number, one: string, many: string, { names }: Tally): string[] {
  if (count === 0) return [];
  const what = [...names].join("; ");
  return [`${count} model call${count === 1 ? ` ${one}` : `s ${many}`}${what === "" ? "" : ` (${what})`}`];
}

function unknownHosts(tally: Tally): string[] {
  const hosts = new Set([...tally.names].map((place) => JSON.stringify(place.split("/", 1)[0])));
  const remedy = `routes: { hosts: [${[...hosts].join(", ")}] } lets the policy answer`;
  return sentence(
    tally.count,
    "went to a host that is not routed",
    "went to hosts that are not routed",
    tally,
  ).map((text) => `${text}; ${remedy}`);
}

async function reasonOf(response: Response): Promise<string> {
  const text = await response.text();
  return `${response.status} ${messageOf(text) ?? text}`.slice(0, kLongestReason);
}

/** OpenAI's, Anthropic's and Google's errors, which have a message, and Ollama's, which is one. */
function messageOf(text: string): string | undefined {
  const body = toJsonValue(text) as { error?: unknown } | null | undefined;
  const error = body?.error;
  const message: unknown =
    typeof error === "object" && error !== null ? Reflect.get(error, "message") : error;
  return typeof message === "string" ? message : undefined;
}
