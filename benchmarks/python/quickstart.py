"""The quickstart's adapter in Python: the same ids for every prompt, and the greedy reward of the same agent.

python benchmarks/python/quickstart.py LINES QUESTIONS, by benchmarks/python/quickstart.mjs. LINES is the program that the quickstart prints
(it makes `tokenizer` and `model`), run as it is; QUESTIONS holds for each its task, `ids` of its prompt, and the `tools`.
Prints one JSON line: how many prompts have other ids, the reward, and the versions.
"""

import json
import re
import sys

import peft
import torch
import transformers

with open(sys.argv[1], encoding="utf-8") as file:
    names = {}
    exec(file.read(), names)  # noqa: S102
tokenizer, model = names["tokenizer"], names["model"]
with open(sys.argv[2], encoding="utf-8") as file:
    given = json.load(file)

end = tokenizer.convert_tokens_to_ids("<|im_end|>")
compute = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "larger": max,
    "smaller": min,
    "distance": lambda a, b: abs(a - b),
}


def ids_of(messages):
    text = tokenizer.apply_chat_template(messages, tools=given["tools"], add_generation_prompt=True, tokenize=False)
    return tokenizer.encode(text, add_special_tokens=False)


def say(ids):
    """What the model says next, and its ids."""
    asked = torch.tensor([ids])
    mask = torch.ones_like(asked)
    with torch.no_grad():
        out = model.generate(
            input_ids=asked, attention_mask=mask, do_sample=False, max_new_tokens=48, eos_token_id=end, pad_token_id=end
        )
    said = out[0, len(ids) :].tolist()
    return tokenizer.decode([i for i in said if i != end])


def run_tool(name, args):
    a, b = args.get("a"), args.get("b")
    if name not in compute or not isinstance(a, int) or not isinstance(b, int):
        return "error"
    return str(compute[name](a, b))


def answer(task):
    """As examples/quickstart/agent.js: three turns, the tool of each call run. @returns the last words and the calls"""
    messages, calls = [{"role": "user", "content": task["text"]}], []
    for _ in range(3):
        said = say(ids_of(messages))
        found = [json.loads(call) for call in re.findall(r"<tool_call>\s*(.*?)\s*</tool_call>", said, re.S)]
        if not found:
            return said, calls
        tool_calls = [{"type": "function", "function": call} for call in found]
        messages.append({"role": "assistant", "content": None, "tool_calls": tool_calls})
        for call in found:
            calls.append({"name": call["name"], **call["arguments"]})
            messages.append({"role": "tool", "content": run_tool(call["name"], call["arguments"])})
    return None, calls


def is_right(task):
    try:
        said, calls = answer(task)
    except (json.JSONDecodeError, KeyError, TypeError):
        return False
    right = [{"name": task["tool"], "a": task["a"], "b": task["b"]}]
    return calls == right and said == f"the answer is {task['answer']}"


asked = given["questions"]
differ = sum(ids_of([{"role": "user", "content": q["task"]["text"]}]) != q["ids"] for q in asked)
reward = sum(is_right(q["task"]) for q in asked) / len(asked)
about = ", ".join(f"{m.__name__} {m.__version__}" for m in (torch, transformers, peft))
print(json.dumps({"prompts": len(asked), "differ": differ, "reward": reward, "about": about}))
