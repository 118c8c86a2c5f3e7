// Figures of Python peers from November 2026, for runs without PEERS_PYTHON: other machine, other day. Printed, never rows.

const machine =
  "2 vCPU of a Granite Rapids Xeon with AMX, transformers 5.18, PEFT 0.21, TRL 1.13, PyTorch 2.13, November 2026";

const figures = {
  decode: ["transformers bf16, 0.5B, batch 1: 8.2 tokens/s, batch 8: 64"],
  prefill: ["transformers bf16, 0.5B, 512 tokens: 1020 tokens/s"],
  training: ["transformers + PEFT bf16, 0.5B, LoRA of rank 16, 1 x 512: 130 tokens/s, 4 x 512: 87"],
  grpo: ["TRL f32, 4.9M, 8 x 8 samples x 48 tokens, prompts of 110 tokens: 4.7 s a step, of 840: 70 s"],
};

/** Lines for the subjects that were measured. */
export function datedLines(subjects) {
  const lines = subjects.flatMap((subject) => figures[subject] ?? []);
  return lines.length === 0
    ? []
    : [`Dated, not measured here (${machine}):`, ...lines.map((line) => `  ${line}`)];
}
