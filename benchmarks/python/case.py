"""One measurement of a Python peer in a process of its own, beside policy-case.mjs and grpo-case.mjs.

python benchmarks/python/case.py '{"kind":"decode","folder":"...","dtype":"bf16","batch":8,"prompt":16,"steps":16,"repeats":1,"threads":2}'
Prints one JSON line as those do. transformers decodes and prefills, PEFT trains, TRL takes whole GRPO steps.
"""

import json
import resource
import sys
import tempfile
import time

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

given = json.loads(sys.argv[1])
dtypes = {"bf16": torch.bfloat16, "f32": torch.float32}


def load():
    return AutoModelForCausalLM.from_pretrained(given["folder"], dtype=dtypes[given["dtype"]])


def tokens_of(seed, count):
    vocabulary = given["vocabulary"]
    return [(seed * 7919 + i * 104_729 + 11) % vocabulary for i in range(count)]


def decode():
    """Seconds of a step with cached keys and values, tokens drawn at temperature 1."""
    model, batch, steps = load().eval(), given["batch"], given["steps"]
    seconds = []
    with torch.inference_mode():
        for repeat in range(given["repeats"] + 1):
            ids = torch.tensor([tokens_of(repeat * batch + b + 1, given["prompt"]) for b in range(batch)])
            out = model(ids, use_cache=True, logits_to_keep=1)
            begin = time.perf_counter()
            for _ in range(steps):
                ids = torch.multinomial(torch.softmax(out.logits[:, -1].float(), -1), 1)
                out = model(ids, past_key_values=out.past_key_values, use_cache=True)
            if repeat > 0:
                seconds.append((time.perf_counter() - begin) / steps)
    return {"seconds": seconds, "tokens": batch}


def prefill():
    model, length = load().eval(), given["length"] - 1
    seconds = []
    with torch.inference_mode():
        for repeat in range(given["repeats"] + 1):
            ids = torch.tensor([tokens_of(repeat + 1, length)])
            begin = time.perf_counter()
            model(ids, use_cache=True, logits_to_keep=1).logits.argmax(-1)
            if repeat > 0:
                seconds.append(time.perf_counter() - begin)
    return {"seconds": seconds, "tokens": length}


def training():
    from peft import LoraConfig, get_peft_model

    projections = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    config = LoraConfig(r=given["rank"], lora_alpha=2 * given["rank"], target_modules=projections)
    model = get_peft_model(load(), config).train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)
    batch, length = given["batch"], given["length"]
    seconds = []
    for repeat in range(given["repeats"] + 1):
        ids = torch.tensor([tokens_of(repeat * batch + b + 1, length) for b in range(batch)])
        ids = ids if repeat > 0 else ids[:1, : min(128, length)]
        begin = time.perf_counter()
        model(input_ids=ids, labels=ids).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if repeat > 0:
            seconds.append(time.perf_counter() - begin)
    return {"seconds": seconds, "tokens": batch * length}


def agree():
    model = load().eval()
    with torch.inference_mode():
        logits = model(torch.tensor([given["tokens"]]), logits_to_keep=1).logits[0, -1].float()
    top = torch.log_softmax(logits, -1).topk(200)
    return {"top": list(zip(top.indices.tolist(), top.values.tolist()))}


def grpo():
    """Whole steps of TRL's trainer on all parameters; answers never end early."""
    from datasets import Dataset
    from transformers import TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    rollouts, steps = given["prompts"] * given["group"], given["repeats"] + 1
    tokenizer = AutoTokenizer.from_pretrained(given["folder"])
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    prompts = [prompt_of(tokenizer, seed) for seed in range(given["prompts"] * steps)]

    class Clock(TrainerCallback):
        seconds = []

        def on_step_begin(self, *_, **__):
            self.begin = time.perf_counter()

        def on_step_end(self, *_, **__):
            self.seconds.append(time.perf_counter() - self.begin)

    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        config = GRPOConfig(
            output_dir=folder,
            use_cpu=True,
            bf16=given["dtype"] == "bf16",
            per_device_train_batch_size=rollouts,
            num_generations=given["group"],
            max_completion_length=given["tokens"],
            generation_kwargs={"min_new_tokens": given["tokens"]},
            max_steps=steps,
            learning_rate=1e-5,
            gradient_checkpointing=False,
            logging_strategy="no",
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
        )
        GRPOTrainer(
            model=load(),
            reward_funcs=lambda completions, **_: [sum(map(ord, text)) % 7 / 7 for text in completions],
            args=config,
            train_dataset=Dataset.from_list([{"prompt": text} for text in prompts]),
            processing_class=tokenizer,
            callbacks=[clock],
        ).train()
    return {"steps": [{"step": seconds} for seconds in clock.seconds[1:]]}


def prompt_of(tokenizer, seed):
    """Text of exactly as many tokens as asked for."""
    letters, state = [], seed + 1
    for _ in range(4 * given["prompt"]):
        state = state * 1103515245 % 2**31
        letters.append(chr(ord("a") + state // 2**16 % 26))
    text = " ".join(letters)
    while len(tokenizer(text)["input_ids"]) > given["prompt"]:
        text = text[:-1]
    if len(tokenizer(text)["input_ids"]) != given["prompt"]:
        raise ValueError(f"expected a text of {given['prompt']} tokens")
    return text


torch.manual_seed(1)
torch.set_num_threads(given["threads"])
result = {"decode": decode, "prefill": prefill, "training": training, "agree": agree, "grpo": grpo}[given["kind"]]()
usage = resource.getrusage(resource.RUSAGE_SELF)
used = {"cpuSeconds": usage.ru_utime + usage.ru_stime, "peakBytes": usage.ru_maxrss * 1024}
print(json.dumps({**result, **used}))
