"""One training run of TRL's GRPO from the checkpoint, tasks, rollouts and schedule of a run of ours: the peer of learning-case.mjs.

python benchmarks/python/learn.py '{"folder":"...","train":"all","lr":1e-4,"seed":1,"steps":40,"group":8,"maxTokens":8,"run":"run.json","threads":1}'
`run` holds `batches` (for each step its tasks, each with `messages` and the `right` answer) and `probes` (what our own reward says of some
answers, which this file's must say too). Prints one JSON line: the reward of each step, when it had ended, processor time.

Where it differs from our defaults it follows them (clip 0.2 and 0.28, AdamW 0.9 and 0.95, cosine to 0, no KL term, float32, LoRA of rank 16
and alpha 32 on all projections); what is TRL's own stays: advantages, the mean with dead groups in it, sampling, the order of sums.
"""

import json
import resource
import sys
import tempfile
import time

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

given = json.loads(sys.argv[1])
torch.set_num_threads(given["threads"])
with open(given["run"], encoding="utf-8") as file:
    run = json.load(file)


def reward(right, said):
    """As benchmarks/tasks/sorting.mjs: the share of places that are right."""
    if len(said) != len(right):
        return 0.0
    return sum(a == b for a, b in zip(said, right)) / len(right)


for probe in run["probes"]:
    if abs(reward(probe["right"], probe["said"]) - probe["reward"]) > 1e-9:
        raise SystemExit(f"expected the reward of our side, {probe}")

rewards, ends = [], []


def score(completions, right, **_):
    values = [reward(r, completion[0]["content"]) for r, completion in zip(right, completions)]
    rewards.append(sum(values) / len(values))
    return values


class Clock(TrainerCallback):
    def on_train_begin(self, *_, **__):
        self.begin = time.perf_counter()

    def on_step_end(self, *_, **__):
        ends.append(time.perf_counter() - self.begin)


def lora():
    from peft import LoraConfig

    projections = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    return LoraConfig(r=16, lora_alpha=32, lora_dropout=0.0, target_modules=projections, task_type="CAUSAL_LM")


per_step = len(run["batches"][0])
tasks = [{"prompt": task["messages"], "right": task["right"]} for batch in run["batches"] for task in batch]
tokenizer = AutoTokenizer.from_pretrained(given["folder"], padding_side="left")
tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
model = AutoModelForCausalLM.from_pretrained(given["folder"], dtype=torch.float32)
with tempfile.TemporaryDirectory() as folder:
    config = GRPOConfig(
        output_dir=folder,
        seed=given["seed"],
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        # A step: every task of its batch `group` times, generated together and learned from in one update.
        per_device_train_batch_size=per_step * given["group"],
        gradient_accumulation_steps=1,
        num_generations=given["group"],
        num_iterations=1,
        max_steps=given["steps"],
        shuffle_dataset=False,
        max_completion_length=given["maxTokens"],
        temperature=1.0,
        top_p=1.0,
        top_k=0,
        beta=0.0,
        epsilon=0.2,
        epsilon_high=0.28,
        loss_type="grpo",
        learning_rate=given["lr"],
        lr_scheduler_type="cosine",
        warmup_steps=0,
        adam_beta1=0.9,
        adam_beta2=0.95,
        adam_epsilon=1e-8,
        weight_decay=0.0,
        max_grad_norm=1.0,
        logging_strategy="no",
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
    )
    GRPOTrainer(
        model=model,
        reward_funcs=score,
        args=config,
        train_dataset=Dataset.from_list(tasks),
        processing_class=tokenizer,
        callbacks=[Clock()],
        peft_config=lora() if given["train"] == "adapter" else None,
    ).train()
if not len(rewards) == len(ends) == given["steps"]:
    raise SystemExit(f"expected {given['steps']} steps of one generation each, got {len(rewards)} and {len(ends)}")
usage = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"rewards": rewards, "at": ends, "cpuSeconds": usage.ru_utime + usage.ru_stime}))
