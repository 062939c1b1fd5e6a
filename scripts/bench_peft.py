#!/usr/bin/env python3
"""Reference benchmark: LoRA fine-tuning with PyTorch, PEFT and TRL on the CPU.

It measures what the usual Python stack needs for the same training steps, to compare with:

    bench_peft.py --make-data data.json --batch 8 --length 100 --num-batches 12 --seed 1
    bench_peft.py --make-data data.json --batch 8 --examples chats.jsonl --model FOLDER
    bench_peft.py --convert model.gguf FOLDER
    bench_peft.py --model FOLDER --data data.json --steps 8 --variant peft-f32 --threads 2

Each measurement is one process and one JSON object on one line of stdout; anything else goes to
stderr. With several --variant names, or --repeat above 1, the script starts itself once for each.

MODEL is a Hugging Face folder (config.json and safetensors; a tokenizer too for the trl variants).
DATA is {"batches": [[{"input_ids": [...], "labels": [...]}, ...], ...]}: micro-batches of sequences,
labels aligned with input_ids as in Transformers (-100: not trained; the model shifts them). A step
is one micro-batch and one update of AdamW; the batches are used in order, again from the first when
there are more steps than batches.

Variants:
    peft-f32          a plain PyTorch loop over a PEFT model, weights in f32
    peft-bf16         the same, base weights in bf16 (PEFT keeps its adapters in f32; see --adapter-dtype)
    peft-autocast     weights in f32, the forward pass under torch.autocast in bf16
    trl-f32           TRL's SFTTrainer, weights in f32
    trl-bf16          SFTTrainer(bf16=True), base weights in bf16
    trl-autocast      SFTTrainer(bf16=True), weights in f32: TRL's own defaults
    trl-packing-f32   trl-f32 with packing=True: one row of at most --pack-length tokens a step
    trl-packing-bf16  trl-bf16 with packing=True

All: LoRA r=16, alpha=32, no dropout, on the seven linear layers of every block; AdamW, constant
learning rate 2e-4, no weight decay, gradients clipped to norm 1. No gradient checkpointing unless
--checkpointing is given (TRL itself would switch it on).

Tested with torch 2.15, transformers 5.23, peft 0.21, trl 1.16, datasets 5.2 and psutil, on Linux
(peak memory is read from /proc).
"""

import argparse
import contextlib
import ctypes.util
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time

IGNORED = -100  # the label of a token that is not trained
LINEAR_LAYERS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
RANK, ALPHA, LEARNING_RATE, MAX_GRAD_NORM = 16, 32, 2e-4, 1.0
WARM_UP_STEPS = 2  # left out of the medians
VARIANTS = [
    "peft-f32", "peft-bf16", "peft-autocast",
    "trl-f32", "trl-bf16", "trl-autocast", "trl-packing-f32", "trl-packing-bf16",
]
MEGABYTE = 1024 * 1024

# Set in the environment of a process that was started again with another allocator.
ALLOCATOR_MARK = "BENCH_PEFT_ALLOCATOR"
# Shared libraries, and the environment that makes each keep freed memory instead of giving it back to the
# system after every step. For jemalloc these are the values of PyTorch's performance tuning guide.
ALLOCATORS = {
    "tcmalloc": (["tcmalloc_minimal", "tcmalloc"], {"TCMALLOC_RELEASE_RATE": "0"}),
    "jemalloc": (["jemalloc"], {
        "MALLOC_CONF": "oversize_threshold:1,background_thread:true,metadata_thp:auto,"
                       "dirty_decay_ms:9000000000,muzzy_decay_ms:9000000000",
    }),
    "glibc": ([], {"MALLOC_MMAP_THRESHOLD_": str(4 << 30), "MALLOC_TRIM_THRESHOLD_": str(8 << 30)}),
}


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], epilog="\n\n".join(__doc__.split("\n\n")[1:]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    measure = parser.add_argument_group("measuring")
    measure.add_argument("--model", metavar="FOLDER", help="the base model")
    measure.add_argument("--data", metavar="FILE", help="the micro-batches, JSON")
    measure.add_argument("--steps", type=int, default=8, help="optimizer steps (default: 8)")
    measure.add_argument("--variant", nargs="+", choices=VARIANTS, metavar="NAME", help=", ".join(VARIANTS))
    measure.add_argument("--threads", type=int, default=2, help="threads of PyTorch (default: 2)")
    measure.add_argument("--repeat", type=int, default=1, help="processes for each variant (default: 1)")
    measure.add_argument(
        "--compile", nargs="?", const="layers", choices=["layers", "model"],
        help="torch.compile, of each block by itself (layers, the default) or of the whole model; peft variants only",
    )
    measure.add_argument(
        "--allocator", default="default", choices=["default", "tuned", *ALLOCATORS],
        help="start again with another memory allocator; tuned: the first of %s that is installed" % ", ".join(ALLOCATORS),
    )
    measure.add_argument("--checkpointing", action="store_true", help="recompute activations in the backward pass")
    measure.add_argument(
        "--adapter-dtype", default="f32", choices=["f32", "base"],
        help="the adapters' weights: f32 as PEFT has it, or as the base model's (base; peft variants only)",
    )
    measure.add_argument(
        "--pack-length", type=int, default=1024, help="tokens of a packed row (default: 1024, as in TRL)"
    )
    measure.add_argument(
        "--seed", type=int, default=1, help="of the adapters' first weights, or of the data made (default: 1)"
    )
    measure.add_argument("--convert", nargs=2, metavar=("GGUF", "FOLDER"), help="unpack a model to f32, and stop")
    make = parser.add_argument_group("making data: random sequences in the format above")
    make.add_argument("--make-data", metavar="OUT", help="write this file and stop")
    make.add_argument("--batch", type=int, default=8, help="sequences in a micro-batch (default: 8)")
    make.add_argument("--length", type=int, default=100, help="their average length in tokens (default: 100)")
    make.add_argument("--num-batches", type=int, default=12, help="micro-batches (default: 12)")
    make.add_argument("--vocabulary", type=int, default=49152, help="token ids are below this (default: 49152)")
    make.add_argument(
        "--supervised", choices=["all", "answers"], default="all",
        help="train all tokens (default) or the last 30%% of each sequence",
    )
    make.add_argument(
        "--examples", metavar="JSONL",
        help="conversations ({\"messages\"}) instead of random tokens, rendered by --model's chat template; answers trained",
    )
    arguments = parser.parse_args()
    if not (arguments.make_data or arguments.convert):
        if not (arguments.model and arguments.data and arguments.variant):
            parser.error("give --model, --data and --variant, or --make-data")
        if arguments.steps <= WARM_UP_STEPS:
            parser.error(f"--steps must be more than {WARM_UP_STEPS}: the first {WARM_UP_STEPS} are not counted")
        if any(name.startswith("trl") for name in arguments.variant):
            if arguments.compile or arguments.adapter_dtype != "f32":
                parser.error("--compile and --adapter-dtype are for the peft variants")
    return arguments


def make_data(arguments):
    """Writes batches: conversations of a file, or random tokens."""
    rng = random.Random(arguments.seed)
    sequences = rendered_examples(arguments, rng) if arguments.examples else random_sequences(arguments, rng)
    count = arguments.batch * arguments.num_batches
    batches = [sequences[i : i + arguments.batch] for i in range(0, count, arguments.batch)]
    with open(arguments.make_data, "w", encoding="utf-8") as file:
        json.dump({"batches": batches}, file)


def rendered_examples(arguments, rng):
    """Conversations in random order; the last answer is trained, with the token that ends it."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    with open(arguments.examples, encoding="utf-8") as file:
        chats = [json.loads(line)["messages"] for line in file if line.strip()]
    rng.shuffle(chats)
    sequences = []
    for messages in chats:
        ids = lambda turns, **more: tokenizer.apply_chat_template(turns, tokenize=True, return_dict=False, **more)
        if messages[-1]["role"] != "assistant" or not messages[-1]["content"].strip():
            continue
        tokens, start = ids(messages), len(ids(messages[:-1], add_generation_prompt=True))
        end = len(tokens) - tokens[::-1].index(tokenizer.eos_token_id)
        labels = [token if start <= i < end else IGNORED for i, token in enumerate(tokens)]
        sequences.append({"input_ids": tokens, "labels": labels})
    return sequences


def random_sequences(arguments, rng):
    """Random tokens, the lengths uniform in 0.8 to 1.2 of the average asked for."""
    count = arguments.batch * arguments.num_batches
    spread = arguments.length // 5
    # Each length has its mirror image, so that the average of the file is the one asked for.
    offsets = [rng.randint(-spread, spread) for _ in range(count // 2)]
    offsets += [-offset for offset in offsets] + [0] * (count % 2)
    rng.shuffle(offsets)
    sequences = []
    for offset in offsets:
        tokens = [rng.randrange(arguments.vocabulary) for _ in range(arguments.length + offset)]
        ignored = 0 if arguments.supervised == "all" else len(tokens) - round(0.3 * len(tokens))
        sequences.append({"input_ids": tokens, "labels": [IGNORED] * ignored + tokens[ignored:]})
    return sequences


def convert(source, folder):
    """Writes a GGUF file as a Hugging Face folder, its weights unpacked to f32."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place = {"pretrained_model_name_or_path": os.path.dirname(source) or ".", "gguf_file": os.path.basename(source)}
    AutoTokenizer.from_pretrained(**place).save_pretrained(folder)
    packed = AutoModelForCausalLM.from_pretrained(**place, dtype=torch.float32)
    config = packed.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    plain = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    plain.load_state_dict({name: value.float() for name, value in packed.state_dict().items()})
    plain.save_pretrained(folder)


def run_each(arguments):
    """Runs every variant in a process of its own, each as often as asked."""
    others = sys.argv[1:]
    failed = False
    for variant in arguments.variant:
        for _ in range(arguments.repeat):
            # argparse takes the last --variant and --repeat.
            command = [sys.executable, os.path.abspath(__file__), *others, "--variant", variant, "--repeat", "1"]
            failed |= subprocess.run(command).returncode != 0
    return 1 if failed else 0


def change_allocator(wanted):
    """Starts this process again under the allocator asked for, and returns the name of the one in use."""
    if wanted == "default":
        return "default"
    if ALLOCATOR_MARK in os.environ:
        return os.environ[ALLOCATOR_MARK]
    for name in ALLOCATORS if wanted == "tuned" else [wanted]:
        libraries, settings = ALLOCATORS[name]
        # The name of a file that the loader knows where to find, as LD_PRELOAD wants it.
        path = next(filter(None, map(ctypes.util.find_library, libraries)), None)
        if libraries and not path:
            continue
        environment = {**os.environ, **settings, ALLOCATOR_MARK: name}
        if path:
            environment["LD_PRELOAD"] = path
        # exec keeps the process, and with it the start time that the report counts from.
        os.execve(sys.executable, [sys.executable, os.path.abspath(__file__), *sys.argv[1:]], environment)
    sys.exit(f"bench_peft: the allocator {wanted} is not installed")


def memory_mb(field):
    """A figure of /proc/self/status, in MB: VmHWM is the most that was ever in memory, VmRSS what is now."""
    with open("/proc/self/status", encoding="ascii") as file:
        for line in file:
            if line.startswith(field + ":"):
                return round(int(line.split()[1]) * 1024 / MEGABYTE, 1)
    raise OSError(f"/proc/self/status has no {field}")


class Recorder:
    """Takes down the steps of a run: when each ended, its loss and its tokens."""

    def __init__(self):
        import psutil

        self.process = psutil.Process()
        self.losses, self.tokens, self.seconds, self.elsewhere = [], [], [], []
        self.seconds_to_first_step = None
        self.last = self.last_elsewhere = None

    def start(self):
        self.last, self.last_elsewhere = time.perf_counter(), self.cpu_seconds_elsewhere()

    def step_done(self):
        now, elsewhere = time.perf_counter(), self.cpu_seconds_elsewhere()
        self.seconds.append(now - self.last)
        self.elsewhere.append(max(0.0, elsewhere - self.last_elsewhere) / (now - self.last))
        self.last, self.last_elsewhere = now, elsewhere
        if len(self.seconds) == 1:
            self.seconds_to_first_step = time.time() - self.process.create_time()

    def cpu_seconds_elsewhere(self):
        """The seconds that the machine's cores have worked for other processes than this one."""
        import psutil

        machine, own = psutil.cpu_times(), self.process.cpu_times()
        return machine.user + machine.nice + machine.system - own.user - own.system

    def report(self):
        measured = list(zip(self.tokens, self.seconds))[WARM_UP_STEPS:]
        return {
            "step_seconds": round(statistics.median(seconds for _, seconds in measured), 4),
            "tokens_per_second": round(statistics.median(tokens / seconds for tokens, seconds in measured), 1),
            "tokens_per_second_best": round(max(tokens / seconds for tokens, seconds in measured), 1),
            "peak_mb": memory_mb("VmHWM"),
            "seconds_to_first_step": round(self.seconds_to_first_step, 2),
            "losses": [round(loss, 5) for loss in self.losses],
            "all_step_seconds": [round(seconds, 4) for seconds in self.seconds],
            "tokens": self.tokens[: len(self.seconds)],
            # Cores kept busy by other processes during each step: a step is a fair measure only near 0.
            "cores_busy_elsewhere": [round(cores, 2) for cores in self.elsewhere],
        }


def lora_config():
    from peft import LoraConfig

    return LoraConfig(
        r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, bias="none", target_modules=LINEAR_LAYERS, task_type="CAUSAL_LM"
    )


def load_model(folder, bf16):
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16 if bf16 else torch.float32)
    model.config.use_cache = False
    return model


def pad(batch, pad_id):
    """Tensors of a micro-batch, padded on the right to its longest sequence."""
    import torch

    longest = max(len(sequence["input_ids"]) for sequence in batch)
    rows = {"input_ids": [], "attention_mask": [], "labels": []}
    for sequence in batch:
        length = len(sequence["input_ids"])
        rows["input_ids"].append(sequence["input_ids"] + [pad_id] * (longest - length))
        rows["attention_mask"].append([1] * length + [0] * (longest - length))
        rows["labels"].append(sequence["labels"] + [IGNORED] * (longest - length))
    return {name: torch.tensor(values) for name, values in rows.items()}


def run_plain(arguments, batches, recorder):
    """A training loop in plain PyTorch over a PEFT model."""
    import torch
    from peft import get_peft_model

    variant = arguments.variant[0]
    model = load_model(arguments.model, bf16=variant == "peft-bf16")
    pad_id = model.config.pad_token_id or 0
    model = get_peft_model(model, lora_config(), autocast_adapter_dtype=arguments.adapter_dtype == "f32")
    if arguments.checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.enable_input_require_grads()
    if arguments.compile == "layers":
        for layer in model.get_base_model().model.layers:
            layer.compile(dynamic=True)
    elif arguments.compile == "model":
        model.compile(dynamic=True)
    model.train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=LEARNING_RATE, weight_decay=0.0, fused=True)
    autocast = torch.autocast("cpu", torch.bfloat16) if variant == "peft-autocast" else contextlib.nullcontext()

    recorder.start()
    for step in range(arguments.steps):
        batch = batches[step % len(batches)]
        recorder.tokens.append(sum(len(sequence["input_ids"]) for sequence in batch))
        with autocast:
            loss = model(**pad(batch, pad_id)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, MAX_GRAD_NORM)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        recorder.losses.append(loss.item())
        recorder.step_done()


def run_trl(arguments, batches, recorder):
    """The same steps with TRL's SFTTrainer."""
    from datasets import Dataset
    from transformers import AutoTokenizer, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    variant = arguments.variant[0]
    packing = "packing" in variant
    size = len(batches[0])
    if not packing and any(len(batch) != size for batch in batches):
        sys.exit("bench_peft: the trl variants need micro-batches of one size")
    sequences = [sequence for batch in batches for sequence in batch]
    if packing:
        # Enough rows for every step; a row holds as many whole sequences as fit.
        needed = arguments.steps * arguments.pack_length
        have = sum(len(sequence["input_ids"]) for sequence in sequences)
        sequences = sequences * -(-needed // have)

    class Steps(TrainerCallback):
        def on_train_begin(self, *_, **__):
            recorder.start()

        def on_step_end(self, *_, **__):
            recorder.step_done()

        def on_log(self, args, state, control, logs=None, **__):
            if "loss" in (logs or {}):
                recorder.losses.append(float(logs["loss"]))

    with tempfile.TemporaryDirectory() as folder:
        trainer = SFTTrainer(
            model=load_model(arguments.model, bf16=variant.endswith("-bf16")),
            processing_class=AutoTokenizer.from_pretrained(arguments.model),
            train_dataset=Dataset.from_list(sequences),
            peft_config=lora_config(),
            callbacks=[Steps()],
            args=SFTConfig(
                output_dir=folder,
                use_cpu=True,
                bf16=not variant.endswith("-f32"),
                max_steps=arguments.steps,
                per_device_train_batch_size=1 if packing else size,
                packing=packing,
                max_length=arguments.pack_length if packing else None,
                train_sampling_strategy="sequential",
                learning_rate=LEARNING_RATE,
                lr_scheduler_type="constant",
                weight_decay=0.0,
                max_grad_norm=MAX_GRAD_NORM,
                gradient_checkpointing=arguments.checkpointing,
                seed=arguments.seed,
                logging_steps=1,
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
                dataloader_pin_memory=False,
            ),
        )
        collate = trainer.data_collator

        def counting(examples):
            recorder.tokens.append(sum(len(example["input_ids"]) for example in examples))
            return collate(examples)

        trainer.data_collator = counting
        trainer.train()


def run_one(arguments):
    allocator = change_allocator(arguments.allocator)
    # To be set before PyTorch is imported.
    for name in ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "TORCHINDUCTOR_COMPILE_THREADS"]:
        os.environ[name] = str(arguments.threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    # Libraries print as they please; stdout is for the report alone.
    stdout = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    with open(arguments.data, encoding="utf-8") as file:
        batches = json.load(file)["batches"]

    import peft
    import torch
    import transformers

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    versions = {"python": platform.python_version(), "torch": torch.__version__,
                "transformers": transformers.__version__, "peft": peft.__version__}
    recorder = Recorder()
    if arguments.variant[0].startswith("trl"):
        import trl

        versions["trl"] = trl.__version__
        after_imports = memory_mb("VmRSS")
        run_trl(arguments, batches, recorder)
    else:
        after_imports = memory_mb("VmRSS")
        run_plain(arguments, batches, recorder)

    report = {
        "variant": arguments.variant[0],
        "compile": arguments.compile,
        "allocator": allocator,
        "checkpointing": arguments.checkpointing,
        "adapter_dtype": arguments.adapter_dtype,
        "threads": arguments.threads,
        "data": os.path.basename(arguments.data),
        **recorder.report(),
        # Of the peak: the interpreter and the libraries. A build of PyTorch for CUDA has more of it.
        "after_imports_mb": after_imports,
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "versions": versions,
    }
    print(json.dumps(report), file=stdout, flush=True)
    return 0


def main():
    arguments = parse_arguments()
    if arguments.make_data:
        make_data(arguments)
        return 0
    if arguments.convert:
        convert(*arguments.convert)
        return 0
    if len(arguments.variant) > 1 or arguments.repeat > 1:
        return run_each(arguments)
    return run_one(arguments)


if __name__ == "__main__":
    sys.exit(main())
