"""The work of the CUDA benchmarks, done by who else does it on the same card: torch for matrix products, attention and the head;
transformers and PEFT for LoRA training and decoding of a random model in the shape of Qwen2-0.5B.

python3 cuda_peers.py CASES [--commit TEXT] [--loaded true|false] [--rounds N]
CASES is what `bench_cuda_products --list` and its like print. Rows have the form of benchmarks/results.jsonl; a PASS, FAIL or
NOT RUN line tells how each peer ended. Plain torch times its kernels by events, in rounds over all cases, as ours do.
"""

import argparse
import datetime
import json
import os
import platform
import statistics
import time

MODEL = dict(hidden_size=896, num_hidden_layers=24, num_attention_heads=14, num_key_value_heads=2)
MODEL |= dict(intermediate_size=4864, vocab_size=151_936, tie_word_embeddings=True)
COLD_BYTES = 2**28  # beyond every cache
LONGEST_SAMPLE = 2.0  # milliseconds of calls between two events


# ---- rows


def quantiles(samples):
    ordered = sorted(samples)
    at = lambda share: ordered[min(len(ordered) - 1, int(share * len(ordered)))]  # noqa: E731
    return {"value": at(0.5), "p20": at(0.2), "p80": at(0.8), "samples": len(ordered)}


def machine():
    cpu = platform.processor() or platform.machine()
    with open("/proc/cpuinfo") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return {
        "cpu": names[0] if names else cpu,
        "cores": os.cpu_count(),
        "memoryBytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
    }


def print_row(given, contender, about, subject, shape, samples, unit, more=None):
    row = {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "commit": given.commit,
        "machine": machine(),
        "device": torch.cuda.get_device_name(0),
        "subject": subject,
        "contender": contender,
        "about": about,
        "dtype": "bf16",
        "threads": 1,
        "shape": shape,
        **quantiles(samples),
        "unit": unit,
        **(more or {}),
        "loaded": given.loaded == "true",
    }
    print(json.dumps(row))


# ---- torch's own operations: each builder returns a call that enqueues the work once


def random(*size):
    return torch.rand(*size, device="cuda", dtype=torch.bfloat16) * 2 - 1


def products(shape):
    rows, k, n = shape["M"], shape["K"], shape["N"]
    is_forward = shape["op"] == "forward"
    count = COLD_BYTES // (2 * k * n) + 1 if shape["weights"] == "from memory" else 1
    weights = [random(n, k) for _ in range(count)]
    x = random(rows, k if is_forward else n)
    turn = [0]

    def call():
        weight = weights[turn[0] % count]
        turn[0] += 1
        return torch.matmul(x, weight.T if is_forward else weight)

    return call


def attention(shape):
    """Whole sequences: torch shares no prompt."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    fused = [SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION]
    batch, length = shape["groups"] * shape["samples"], shape["prompt"] + shape["answer"]
    group = shape["heads"] // shape["kvHeads"]
    q = random(batch, shape["heads"], length, shape["headSize"]).requires_grad_()
    k = random(batch, shape["kvHeads"], length, shape["headSize"]).requires_grad_()
    v = random(batch, shape["kvHeads"], length, shape["headSize"]).requires_grad_()

    def grouped(q, k, v):
        with sdpa_kernel(fused):
            return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)

    def repeated(q, k, v):
        with sdpa_kernel(fused):
            return F.scaled_dot_product_attention(q, k, v, is_causal=True)

    run = grouped
    try:
        run(q, k, v)
    except (RuntimeError, TypeError):  # no fused kernel reads shared keys: copies of them, made before the clock runs
        run = repeated
        k, v = (t.detach().repeat_interleave(group, 1).requires_grad_() for t in (k, v))
    if shape["op"] == "forward":
        return lambda: run(q.detach(), k.detach(), v.detach())
    out = run(q, k, v)
    dout = torch.rand_like(out)
    return lambda: torch.autograd.grad(out, (q, k, v), dout, retain_graph=True)


def head(shape):
    """Logits of all tokens at once, log-probabilities and the gradient of the hidden rows; no entropy."""
    hidden = random(shape["tokens"], shape["hidden"]).requires_grad_()
    weight = random(shape["vocabulary"], shape["hidden"])
    targets = torch.arange(shape["tokens"], device="cuda") * 7919 % shape["vocabulary"]

    def call():
        loss = F.cross_entropy(torch.matmul(hidden, weight.T).float(), targets, reduction="sum")
        return torch.autograd.grad(loss, hidden)

    return call


BUILDERS = {"cuda products": products, "cuda attention": attention, "cuda head": head}


def milliseconds(call, calls):
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    for _ in range(calls):
        call()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) / calls


def measure_torch(given, subject, cases):
    timed = []
    for case in cases:
        call = BUILDERS[subject](case["shape"])
        milliseconds(call, 2)
        once = milliseconds(call, 1)
        timed.append((case["shape"], call, max(1, min(50, int(LONGEST_SAMPLE / max(once, 1e-4)))), []))
    for _ in range(given.rounds):
        for _, call, calls, samples in timed:
            samples.append(milliseconds(call, calls))
    for shape, _, _, samples in timed:
        print_row(given, "torch", f"torch {torch.__version__}", subject, shape, samples, "ms")
    return f"{len(timed)} cases"


# ---- transformers and PEFT


def model_of():
    from transformers import AutoModelForCausalLM, Qwen2Config

    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(Qwen2Config(**MODEL), dtype=torch.bfloat16)
    return model.to("cuda")


def measure_training(given):
    import peft
    import transformers

    batch, length, rank = 16, 1024, 16
    projections = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    config = peft.LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=projections)
    model = peft.get_peft_model(model_of(), config).train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)
    rates = []
    for turn in range(6):
        ids = torch.randint(MODEL["vocab_size"], (batch, length), device="cuda")
        torch.cuda.synchronize()
        begin = time.perf_counter()
        model(input_ids=ids, labels=ids).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        torch.cuda.synchronize()
        if turn > 0:
            rates.append(batch * length / (time.perf_counter() - begin))
    about = f"torch {torch.__version__}, transformers {transformers.__version__}, peft {peft.__version__}"
    shape = {"model": "0.5B", "batch": batch, "length": length, "rank": rank}
    peak = {"deviceBytes": torch.cuda.max_memory_allocated()}
    print_row(given, "transformers", about, "training", shape, rates, "tokens/s", peak)
    return f"{statistics.median(rates):.0f} tokens/s"


def measure_decoding(given):
    import transformers

    model = model_of().eval()
    prompt, steps = 16, 64
    for batch in (1, 64):
        rates = []
        for turn in range(4):
            ids = torch.randint(MODEL["vocab_size"], (batch, prompt), device="cuda")
            seconds = []
            for count in (1, steps + 1):  # the first token is the prompt's
                torch.cuda.synchronize()
                begin = time.perf_counter()
                with torch.inference_mode():
                    model.generate(
                        ids,
                        attention_mask=torch.ones_like(ids),
                        max_new_tokens=count,
                        min_new_tokens=count,
                        do_sample=True,
                        top_k=0,
                        pad_token_id=0,
                    )
                torch.cuda.synchronize()
                seconds.append(time.perf_counter() - begin)
            if turn > 0:
                rates.append(batch * steps / (seconds[1] - seconds[0]))
        about = f"torch {torch.__version__}, transformers {transformers.__version__}"
        shape = {"model": "0.5B", "batch": batch, "prompt": prompt, "steps": steps}
        print_row(given, "transformers", about, "decode", shape, rates, "tokens/s")
    return "batches of 1 and 64"


# ---- all of them


def attempt(name, action):
    """A peer that is missing or too large for the card must not hide the others."""
    try:
        print(f"PASS {name}: {action()}")
    except ImportError as error:
        print(f"NOT RUN {name}: {error}")
    except Exception as error:  # noqa: BLE001
        print(f"FAIL {name}: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
    torch.cuda.empty_cache()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("cases")
    parser.add_argument("--commit", default="unknown")
    parser.add_argument("--loaded", default="false")
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    if torch is None:
        print("NOT RUN every peer: this python has no torch; PEERS_PYTHON names another")
        return
    if not torch.cuda.is_available():
        print(f"NOT RUN every peer: torch {torch.__version__} sees no CUDA device")
        return
    with open(given.cases) as file:
        cases = [json.loads(line) for line in file]
    for subject in BUILDERS:
        own = [case for case in cases if case["subject"] == subject]
        if own:
            attempt(f"torch, {subject}", lambda: measure_torch(given, subject, own))
    attempt("transformers and PEFT, LoRA training", lambda: measure_training(given))
    attempt("transformers, decoding", lambda: measure_decoding(given))


try:
    import torch
    import torch.nn.functional as F
except ImportError:
    torch = None

if __name__ == "__main__":
    main()
