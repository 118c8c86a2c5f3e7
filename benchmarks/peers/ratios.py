"""Our rows beside those of peers that did the same work in the same run, and what the goals ask of them.

python3 ratios.py FILE...   lines that begin with { are rows, others are passed over. The last row of a contender counts.
"""

import json
import sys


def rows_of(paths):
    for path in paths:
        try:
            with open(path) as file:
                yield from (json.loads(line) for line in file if line.startswith("{") and '"contender"' in line)
        except FileNotFoundError:
            print(f"ratios: {path} is not there")


def pairs_of(rows):
    """(our row, a peer's row) of the same subject and shape."""
    found = {}
    for row in rows:
        found.setdefault((row["subject"], json.dumps(row["shape"], sort_keys=True)), {})[row["contender"]] = row
    for contenders in found.values():
        ours = contenders.pop("engine", None)
        if ours is not None:
            yield from ((ours, theirs) for theirs in contenders.values())


def speed(ours, theirs):
    """How many times faster than the peer."""
    if ours["unit"] in ("ms", "s"):
        return theirs["value"] / ours["value"]
    return ours["value"] / theirs["value"]


def print_table(pairs):
    for ours, theirs in pairs:
        shape = " ".join(f"{name} {size}" for name, size in ours["shape"].items() if name != "calls")
        rate = f" ({ours['teraflops']:.0f} TFLOP/s)" if "teraflops" in ours else ""
        loaded = "  LOADED: must not be quoted" if ours["loaded"] or theirs["loaded"] else ""
        print(
            f"{ours['subject']}, {shape}: {ours['value']:.4g} {ours['unit']}{rate}, "
            f"{theirs['contender']} {theirs['value']:.4g}: {speed(ours, theirs):.2f} times as fast{loaded}"
        )


def print_goals(rows, pairs):
    many = [speed(*pair) for pair in pairs if pair[0]["subject"] == "cuda products" and pair[0]["shape"]["M"] >= 2048]
    if many:
        print(f"goal: products of 2,048 rows and more at 0.75 times torch or faster: slowest {min(many):.2f}, fastest {max(many):.2f}")
    step = [pair for pair in pairs if pair[0]["shape"].get("calls", 0) > 0]
    if step:
        ours, theirs = (sum(pair[i]["shape"]["calls"] * pair[i]["value"] for pair in step) for i in (0, 1))
        print(f"goal: cost of exactness at most 1.3: {ours / theirs:.2f} (products and attention of a GRPO step on the 1.5B shape)")
    for row in rows:
        if row["subject"] == "cuda head" and row["contender"] == "engine":
            print(f"goal: fused head at 500 TFLOP/s or faster: {row['teraflops']:.0f}")
    for pair in pairs:
        if pair[0]["subject"] == "training" and pair[0]["unit"] == "tokens/s":
            print(f"goal: training at 150,000 tokens/s and 3 times the peer: {pair[0]['value']:.0f}, {speed(*pair):.2f} times")


rows = list(rows_of(sys.argv[1:]))
pairs = list(pairs_of(rows))
if not pairs:
    print("ratios: no row of ours has a peer's beside it")
print_table(pairs)
print_goals(rows, pairs)
