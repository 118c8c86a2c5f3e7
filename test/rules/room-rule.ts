// The import rule among the rooms of one folder: a room imports itself, rooms of lower rank, and of the folder's own
// files those of its floor. The folder's own files lie above its rooms.

/** Rooms of one folder with their ranks, and the floor: own files of the folder that its rooms may import. */
export interface Rooms {
  readonly ranks: Readonly<Record<string, number>>;
  readonly floor: readonly string[];
}

/** Folders with rooms. What lies in a room that has no rank is a breach. */
export const roomsOf: Readonly<Record<string, Rooms>> = {
  "src/policy": {
    ranks: {
      ...{ engine: 0, "tool-calls": 0, model: 1, replicas: 1, losses: 1 },
      ...{ tokenizer: 2, adapters: 3, chat: 3, constraints: 3 },
    },
    floor: [],
  },
  "src/server": {
    ranks: { http: 0, endpoint: 1, gateway: 1, otlp: 1, calls: 2, "store-api": 3, "model-api": 4 },
    floor: [],
  },
  "src/server/endpoint": {
    // Completions and Ollama have tools, forms and fields of chat completions.
    ranks: { anthropic: 0, chat: 0, google: 0, responses: 0, vercel: 0, completions: 1, ollama: 1 },
    floor: [
      ...[
        "answer.ts",
        "answer-stream.ts",
        "call-arguments.ts",
        "chat-content.ts",
        "instructions.ts",
        "dialect.ts",
        "field-reader.ts",
        "field-table.ts",
        "function-tool.ts",
        "refusals.ts",
        "sampling-fields.ts",
        "item-memory.ts",
      ],
      ...["json-body.ts", "open-ai-failure.ts", "request-error.ts", "template-variables.ts", "thought.ts"],
      "token-logprobs.ts",
    ],
  },
  "src/tracing": {
    ranks: { hooks: 0 },
    floor: ["attributes.ts", "context.ts", "operation.ts", "span.ts"],
  },
  "src/trainer": {
    ranks: { reports: 0, rollouts: 0, run: 0, queue: 1, rewards: 1 },
    floor: ["trainer.ts", "options.ts", "option-names.ts"],
  },
  "native/ops": {
    ranks: {
      ...{ activation: 0, head: 0, linear: 0, loss: 0, norm: 0, optimizer: 0, rope: 0, rows: 0 },
      ...{ attention: 1, draw: 1, lora: 1 },
    },
    floor: ["context.h", "cuda.h", "kernels.h"],
  },
};

/** The breach, if any, of the import of file `to` by file `from`, as a sentence. */
export function roomViolation(from: string, to: string): string[] {
  const folders = Object.entries(roomsOf).filter(([name]) =>
    [from, to].every((path) => path.startsWith(`${name}/`)),
  );
  return folders.flatMap(([folder, rooms]) => violationIn(folder, rooms, from, to));
}

// --- internal ---

function violationIn(folder: string, { ranks, floor }: Rooms, from: string, to: string): string[] {
  const [source, target] = [placeBelow(folder, from), placeBelow(folder, to)];
  for (const [path, { room }] of [
    [from, source],
    [to, target],
  ] as const) {
    if (room !== undefined && ranks[room] === undefined)
      return [`${path} lies in ${folder}/${room}, which has no rank`];
  }
  if (source.room === undefined || source.room === target.room) return [];
  if (target.room === undefined) {
    const seen = floor.length === 0 ? "no file" : floor.join(", ");
    return floor.includes(target.file)
      ? []
      : [`${from} imports ${to}; of the own files of ${folder} its rooms see ${seen}`];
  }
  const [fromRank, toRank] = [ranks[source.room] as number, ranks[target.room] as number];
  if (toRank < fromRank) return [];
  return [`${from} (rank ${fromRank} in ${folder}) imports ${to} (rank ${toRank})`];
}

/** `room` is undefined for a file of the folder's own. */
function placeBelow(folder: string, path: string): { room: string | undefined; file: string } {
  const [first = "", ...rest] = path.slice(folder.length + 1).split("/");
  return rest.length === 0 ? { room: undefined, file: first } : { room: first, file: rest.join("/") };
}
