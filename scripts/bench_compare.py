#!/usr/bin/env python3
"""Trains the same batches with Tunewright and with PyTorch, turn by turn, and prints the ratios.

    bench_compare.py --program tunewright --python VENV/bin/python --gguf FILE --folder HF_FOLDER [--rounds 5]

Every measurement is a process of its own, two threads each. In each round every program has its turn, so that whatever
else the machine does falls on all of them; the figures are medians over the rounds. The report, Markdown, goes to stdout.
"""

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PEFT = os.path.join(HERE, "bench_peft.py")
SAMPLE = os.path.join(HERE, "..", "assets", "starter", "support_tickets.jsonl")
THREADS = 2

COMPILED = ["--compile", "--allocator", "tuned"]
# Name, sequences, tokens of each, what is trained, steps, variants of PyTorch (with more arguments).
CASES = [
    ("8 messages of the sample data, answers trained", 8, None, "answers", 9,
     [("peft-f32", []), ("peft-f32", COMPILED), ("peft-bf16", []), ("peft-bf16", COMPILED)]),
    ("8 × about 100 tokens, answers trained", 8, 100, "answers", 6,
     [("peft-f32", []), ("peft-bf16", []), ("peft-bf16", COMPILED),
      ("peft-autocast", []), ("trl-f32", []), ("trl-bf16", [])]),
    ("2 × about 1024 tokens, all trained", 2, 1024, "all", 4,
     [("peft-f32", []), ("peft-bf16", []), ("peft-bf16", COMPILED)]),
]


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def ours(arguments, data, steps, precision):
    command = [arguments.program, "bench", "train", "--model", arguments.gguf, "--data", data]
    environment = {**os.environ, "RAYON_NUM_THREADS": str(THREADS)}
    command += ["--steps", str(steps), "--precision", precision, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    found = json.loads(done.stdout)
    return found["tokens_per_sec"], found["peak_memory_mb"], found["first_step_done_secs"], found["losses"], found["precision"]


def theirs(arguments, data, steps, variant, more):
    command = [arguments.python, PEFT, "--model", arguments.folder, "--data", data, "--steps", str(steps)]
    found = run(command + ["--variant", variant, "--threads", str(THREADS), *more])
    return found["tokens_per_second"], found["peak_mb"], found["seconds_to_first_step"], found["losses"]


def compare(arguments, folder, name, batch, length, supervised, steps, variants):
    data = os.path.join(folder, f"{batch}x{length or 'sample'}.json")
    make = ["--batch", str(batch)]
    if length is None:
        make += ["--examples", SAMPLE, "--model", arguments.folder]
    else:
        make += ["--length", str(length), "--supervised", supervised]
    subprocess.run([arguments.python, PEFT, "--make-data", data, *make], check=True)
    turns = [(f"Tunewright, {precision}", lambda p=precision: ours(arguments, data, steps, p))
             for precision in arguments.precisions]
    for variant, more in variants:
        words = " ".join([variant, *more]).replace("--compile", "compiled,").replace("--allocator tuned", "allocator tuned")
        if arguments.only and variant not in arguments.only and words not in arguments.only:
            continue
        turns.append((words, lambda v=variant, m=more: theirs(arguments, data, steps, v, m)))
    found = {words: [] for words, _ in turns}
    for number in range(arguments.rounds):
        for words, turn in turns:
            print(f"{name}: round {number + 1}, {words}", file=sys.stderr)
            found[words].append(turn())
    middle = {words: [statistics.median(turn[i] for turn in runs) for i in range(3)] for words, runs in found.items()}
    print(f"\n## {name}\n")
    print("| program | tokens/s | peak memory, MB | start → first step done, s | first loss |")
    print("|---|---|---|---|---|")
    for words, (speed, memory, first) in middle.items():
        chosen = f" ({found[words][0][4]})" if words.endswith("auto") else ""
        print(f"| {words}{chosen} | {speed:.0f} | {memory:.0f} | {first:.1f} | {found[words][0][3][0]:.4f} |")
    stock = {words: figures for words, figures in middle.items() if not words.startswith("Tunewright")}
    fastest = max(stock, key=lambda words: stock[words][0])
    for precision in set(arguments.precisions) - {"f32"}:
        ratio = middle[f"Tunewright, {precision}"][0] / stock[fastest][0]
        print(f"\n{precision} against the fastest ({fastest}): **{ratio:.2f}×**")
    exact = max((words for words in stock if "f32" in words), key=lambda words: stock[words][0], default=None)
    if exact is not None and "f32" in arguments.precisions:
        print(f"\nf32 against the fastest in f32 ({exact}): **{middle['Tunewright, f32'][0] / stock[exact][0]:.2f}×**")


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return next((line.split(":")[1].strip() for line in file if line.startswith("model name")), platform.processor())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    for name in ("program", "python", "gguf", "folder"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--case", type=int, choices=range(len(CASES)), help="this one alone, counted from 0")
    parser.add_argument("--only", nargs="+", metavar="VARIANT", help="leave out all other variants of PyTorch")
    parser.add_argument("--precisions", nargs="+", default=["auto", "bf16", "f32"], help="of Tunewright")
    arguments = parser.parse_args()
    versions = subprocess.run(
        [arguments.python, "-c", "import torch, transformers, peft, trl; print(f'torch {torch.__version__}, "
         "transformers {transformers.__version__}, peft {peft.__version__}, trl {trl.__version__}')"],
        stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    print("# Benchmarks\n")
    print("Made by `scripts/bench --against-peft`: LoRA (r = 16, all linear layers) on SmolLM2-135M-Instruct, two threads,")
    print(f"medians of {arguments.rounds} alternating runs; random tokens, the same batches for every program.\n")
    print(f"- date: {datetime.date.today()}\n- processor: {processor()}, {os.cpu_count()} cores\n- {versions}")
    with tempfile.TemporaryDirectory() as folder:
        for case in CASES if arguments.case is None else [CASES[arguments.case]]:
            compare(arguments, folder, *case)
            sys.stdout.flush()


if __name__ == "__main__":
    main()
