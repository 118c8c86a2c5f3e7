// A deterministic world of text: ten rooms, a key, a locked door, and a reward only at the end.
//
//     a - b - c - d # e       the way out is e, behind the locked door
//     |   |   |   |   |
//     f - g - h - i - j       the key lies in h; j has a way up to e that is locked, too
//
// What an agent is told is where it stands and whether it holds the key: `c-`, or `i+` with it. What it says moves it: a letter stands for north, east,
// south or west by its place in the alphabet, and a wall or a locked door leaves it where it is. The key is taken by entering its room. The way from
// a takes six moves, an episode at most twelve. A rollout is worth 1 when it gets out, else 0.

export const kMostTurns = 12;
/** Each is a task: where an episode begins. */
export const kStarts = ["a", "b", "f", "g"];

const kWidth = 5;
const kRooms = [..."abcdefghij"];
const [kKeyRoom, kWayOut] = ["h", "e"];
const kMoves = [
  { row: -1, column: 0 },
  { row: 0, column: 1 },
  { row: 1, column: 0 },
  { row: 0, column: -1 },
];

/** @returns an episode: what is told now, whether it is over, what it is worth, and a move by what was said */
export function createEpisode(start) {
  let [room, hasKey, turns] = [start, start === kKeyRoom, 0];
  return {
    told: () => `${room}${hasKey ? "+" : "-"}`,
    isOver: () => room === kWayOut || turns === kMostTurns,
    reward: () => Number(room === kWayOut),
    move(said) {
      turns += 1;
      const next = neighbour(room, directionOf(said));
      if (next === undefined || (next === kWayOut && !hasKey)) return;
      room = next;
      hasKey ||= room === kKeyRoom;
    },
  };
}

/** An agent as anyone writes one: a conversation of at most twelve calls. `ask` answers a list of messages. */
export function createAgent(ask) {
  return async (start) => {
    const episode = createEpisode(start);
    const messages = [];
    while (!episode.isOver()) {
      messages.push({ role: "user", content: episode.told() });
      const said = await ask(messages);
      messages.push({ role: "assistant", content: said });
      episode.move(said);
    }
    return episode.reward();
  };
}

/** One call of a routed provider; a list of messages to what the model says. */
export async function ask(messages) {
  const response = await fetch("https://api.openai.com/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "rooms", messages, max_tokens: 1 }),
  });
  if (!response.ok) throw new Error(`rooms: ${response.status} ${await response.text()}`);
  return (await response.json()).choices[0].message.content ?? "";
}

/** For createModel: a random policy of 0.13M parameters over twelve letters, the two marks and the end of a turn. */
export const roomsModel = {
  architecture: "qwen2",
  ...{
    hidden: 64,
    layers: 3,
    heads: 4,
    kvHeads: 2,
    headSize: 16,
    intermediate: 160,
    vocabulary: 16,
    tie: false,
  },
  tokenizer: {
    tokenizerJson: {
      ...{ version: "1.0", normalizer: null, post_processor: null, decoder: { type: "ByteLevel" } },
      added_tokens: [{ id: 14, content: "!", ...flags({ special: true }) }],
      pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false },
      model: { type: "BPE", vocab: vocabularyOf([..."abcdefghijkl", "+", "-"]), merges: [] },
    },
    tokenizerConfig: {
      eos_token: "!",
      chat_template:
        "{% for m in messages %}{{ m.content }}{% if m.role == 'assistant' %}!{% endif %}{% endfor %}",
    },
  },
};

// --- internal ---

function neighbour(room, direction) {
  const at = kRooms.indexOf(room);
  const move = kMoves[direction];
  if (move === undefined) return undefined;
  const [row, column] = [Math.floor(at / kWidth) + move.row, (at % kWidth) + move.column];
  return column < 0 || column >= kWidth || row < 0 ? undefined : kRooms[row * kWidth + column];
}

/** Marks and silence are no direction. */
function directionOf(said) {
  const letter = said.charCodeAt(0) - "a".charCodeAt(0);
  return letter >= 0 ? letter % kMoves.length : undefined;
}

function flags(given) {
  return { single_word: false, lstrip: false, rstrip: false, normalized: false, ...given };
}

function vocabularyOf(letters) {
  return Object.fromEntries(letters.map((letter, i) => [letter, i]));
}
