"""Records what Hugging Face's tokenizers (0.23.2) do with every step of test/fixtures/tokenizers/steps.json.

    pip install tokenizers==0.23.2 && python scripts/record-tokenizers.py

Writes expected.json beside it: the texts (hand-written ones and random ones, of a fixed seed) and for each step, on each
text, what came out; null where the library itself refuses the step. And classes.json: for each character class every code
point that it matches, as ranges; for each normal form those characters that it changes, by a digest.
"""

import hashlib
import json
import pathlib
import random

import tokenizers
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers

FOLDER = pathlib.Path(__file__).parent.parent / "test/fixtures/tokenizers"
PLAIN = [(0x3400, 0xA000), (0xAC00, 0xD7A4), (0xE000, 0xF900), (0x17000, 0x18D00), (0x20000, 0x2F800), (0x2FA20, 0x110000)]
SCALARS = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]


def main():
    table = json.loads((FOLDER / "steps.json").read_text(encoding="utf-8"))
    texts = table["texts"] + random_texts(table["alphabet"], table["random"])
    expected = {
        "tokenizers": tokenizers.__version__,
        "texts": texts,
        "normalizers": [record(normalize, step, texts) for step in table["normalizers"]],
        "preTokenizers": [record(pre_tokenize, step, texts) for step in table["preTokenizers"]],
        "models": [record(encode, change(table["base"], edit), texts) for edit in table["models"]],
        "decoders": [record(decode, change(table["base"], edit), table["ids"]) for edit in table["decoders"]],
    }
    write("expected.json", expected)
    classes = {pattern: ranges(members(pattern)) for pattern in table["classes"]}
    forms = {name: digest(getattr(normalizers, name)()) for name in ["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Nmt"]}
    write("classes.json", {"classes": classes, "forms": forms})


def write(name, value):
    lines = json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace("],[", "],\n[")
    (FOLDER / name).write_text(lines + "\n", encoding="utf-8")


def random_texts(alphabet, count):
    chosen = random.Random(1)
    return ["".join(chosen.choice(alphabet) for _ in range(chosen.randrange(1, 24))) for _ in range(count)]


def change(base, edit):
    return {**base, **edit, "model": {**base["model"], **edit.get("model", {})}}


def record(apply, step, texts):
    try:
        return apply(step, texts)
    except KeyboardInterrupt:
        raise
    except BaseException:  # some steps panic, which is no Exception
        return None


def bare(**fields):
    model = {"type": "BPE", "vocab": {}, "merges": []}
    return Tokenizer.from_str(json.dumps({"version": "1.0", "added_tokens": [], "model": model, **fields}))


def normalize(step, texts):
    normalizer = bare(normalizer=step).normalizer
    return [normalizer.normalize_str(text) for text in texts]


def pre_tokenize(step, texts):
    pre_tokenizer = bare(pre_tokenizer=step).pre_tokenizer
    return [[piece for piece, _ in pre_tokenizer.pre_tokenize_str(text)] for text in texts]


def encode(tokenizer, texts):
    made = Tokenizer.from_str(json.dumps({"version": "1.0", **tokenizer}))
    return [made.encode(text, add_special_tokens=False).ids for text in texts]


def decode(tokenizer, ids):
    made = Tokenizer.from_str(json.dumps({"version": "1.0", **tokenizer}))
    return [made.decode(row, skip_special_tokens=False) for row in ids]


def members(pattern):
    if pattern == "Punctuation":
        splitter = pre_tokenizers.Punctuation("removed")
    elif pattern == "WhitespaceSplit":
        splitter = pre_tokenizers.WhitespaceSplit()
    else:
        splitter = pre_tokenizers.Split(Regex(pattern), "removed")
    found = []
    for start in range(0, len(SCALARS), 4096):
        codes = SCALARS[start : start + 4096]
        kept = set("".join(piece for piece, _ in splitter.pre_tokenize_str("".join(map(chr, codes)))))
        found += [code for code in codes if chr(code) not in kept]
    return found


def ranges(codes):
    joined = []
    for code in codes:
        if joined and joined[-1][1] == code - 1:
            joined[-1][1] = code
        else:
            joined.append([code, code])
    return " ".join(f"{a:x}" if a == b else f"{a:x}-{b:x}" for a, b in joined)


def digest(normalizer):
    """Of what becomes of each character alone, and before and after marks of two classes; large plain blocks left out."""
    sha = hashlib.sha256()
    for code in SCALARS:
        if any(start <= code < end for start, end in PLAIN):
            continue
        for text in (chr(code), "a\u0301" + chr(code) + "\u0316", "a" + chr(code) + "\u0323\u0345"):
            sha.update((normalizer.normalize_str(text) + "\n").encode())
    return sha.hexdigest()


if __name__ == "__main__":
    main()
