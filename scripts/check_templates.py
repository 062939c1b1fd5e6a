#!/usr/bin/env python3
"""Holds the chat templates of folders against Transformers: check_templates.py FOLDER… or --published

Every `.jinja` file below the folders is rendered with each of scripts/conversations.json, by Transformers and by us
(`cargo build --example render_templates`, or `--program PATH`). Needs `pip install transformers jinja2`. With `--published`
the templates are fetched that llama.cpp and TRL publish, the figures are told by family, and thinking that is kept
(`thinking = "keep"`) is held against TRL's own templates for training.
Writes what is not equal, with the reason where there is one, and the figures. Exits with 1 where fewer than 99 % are
equal, where a template that Transformers uses doesn't load, or where a token outside of answers would be trained.
"""

import argparse
import difflib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
from published import llama_cpp, pypi  # noqa: E402
from transformers.utils.chat_template_utils import render_jinja_template  # noqa: E402

ROOT = pathlib.Path(__file__).parent.parent
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
# By family, how the names of its templates begin.
FAMILIES = {
    "Qwen 2.5": ("Qwen-Qwen2.5", "qwen2_5"),
    "Qwen 3": ("Qwen-Qwen3", "qwen3.", "qwen3_instruct_2507", "qwen3_training"),
    "Qwen 3.5 to 3.8": ("Qwen3.5", "qwen3_5", "qwen3_6", "qwen3_8"),
    "Gemma 2": ("google-gemma-2", "gemma."),
    "Gemma 3": ("gemma3",),
    "Gemma 4": ("google-gemma-4", "gemma4"),
    "Phi 3, 3.5": ("microsoft-Phi", "phi3"),
    "SmolLM3": ("HuggingFaceTB-SmolLM3",),
    "Granite 3": ("ibm-granite-granite-3",),
    "Granite 4": ("ibm-granite-granite-4",),
    "LFM2, LFM2.5": ("LFM2", "lfm2"),
    "Ministral 3, Mistral": ("mistralai", "Mistral"),
    "Llama 3": ("meta-llama", "llama3"),
    "DeepSeek R1 distilled": ("deepseek-ai-DeepSeek-R1-Distill", "deepseek_r1_distill"),
}
# TRL's templates for training keep thinking; these are changed in nothing else that the conversations show.
KEPT_BY_TRL = ["qwen3", "qwen3_5_think", "qwen3_6", "deepseek_r1_distill"]


def expected(template, conversation, with_generations):
    """Text and spans in bytes, or the reason why there are none."""
    try:
        texts, spans = render_jinja_template(
            conversations=[json.loads(json.dumps(conversation["messages"]))],
            tools=conversation.get("tools"),
            documents=None,
            chat_template=template,
            add_generation_prompt=conversation.get("add_generation_prompt", False),
            return_assistant_tokens_mask=with_generations,
            **TOKENS,
        )
    except Exception as error:  # noqa: BLE001 - any failure counts as one
        return None, None, f"{type(error).__name__}: {error}"
    in_bytes = [[len(texts[0][:at].encode()) for at in span] for span in spans[0]] if with_generations else None
    return texts[0], in_bytes, None


def answered(program, questions):
    lines = "\n".join(json.dumps(question) for question in questions) + "\n"
    ran = subprocess.run([program], input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in ran.stdout.split("\n")[:-1]]


def model_folder(parent, number, template):
    """A small model with this template, for what is trained of a conversation."""
    folder = pathlib.Path(parent) / str(number)
    shutil.copytree(ROOT / "tests" / "fixtures" / "cases" / "_model", folder)
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8", newline="")
    return str(folder)


def wrongly_trained(conversation, answer):
    """Contents of other turns in what is trained of an answer."""
    wrong = []
    text = answer.get("encoded", "").encode()
    for turn, spans in zip(conversation["messages"], answer.get("answers") or [], strict=False):
        if turn["role"] != "assistant" or spans is None:
            continue
        trained = text[spans[0] : spans[1]].decode(errors="replace")
        others = [m["content"].strip() for m in conversation["messages"] if m is not turn and m["role"] != "assistant"]
        wrong += [other for other in others if len(other) > 4 and other in trained]
    return wrong


def published():
    """The folders of templates that llama.cpp and TRL publish."""
    trl = pypi("trl", "bdist_wheel", lambda path: path.startswith("trl/chat_templates/"))
    return [llama_cpp() / "models" / "templates", trl / "trl" / "chat_templates"]


def family(name):
    return next((family for family, begins in FAMILIES.items() if name.startswith(begins)), "others")


def check_kept(program, folder, conversations):
    """How many texts with kept thinking are TRL's, and what isn't."""
    num_equal, others = 0, []
    for name in KEPT_BY_TRL:
        own = (folder / f"{name}.jinja").read_text(encoding="utf-8")
        theirs = (folder / f"{name}_training.jinja").read_text(encoding="utf-8")
        questions = [{"template": own, "special_tokens": TOKENS, "thinking": "keep", **one} for one in conversations]
        for conversation, answer in zip(conversations, answered(program, questions), strict=True):
            text, _, _ = expected(theirs, conversation, False)
            if text is None and answer.get("text") is None:
                continue
            if text == answer.get("text"):
                num_equal += 1
            else:
                ours = answer.get("text") or answer["error"]
                others.append(f"{name}, {conversation['name']}: {first_difference(ours, text or '')}")
    return num_equal, others


def not_empty(spans):
    return [span for span in spans or [] if span[0] < span[1]]


def first_difference(ours, theirs):
    at = next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs)))
    return f"at {at}: ours {ours[max(0, at - 20) : at + 40]!r}, theirs {theirs[max(0, at - 20) : at + 40]!r}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", type=pathlib.Path)
    parser.add_argument("--published", action="store_true", help="fetch what llama.cpp and TRL publish")
    parser.add_argument("--program", default=str(ROOT / "target" / "debug" / "examples" / "render_templates"))
    parser.add_argument("--diff", action="store_true", help="show whole differences")
    arguments = parser.parse_args()
    conversations = json.loads((ROOT / "scripts" / "conversations.json").read_text(encoding="utf-8"))
    folders = arguments.folders + (published() if arguments.published else [])
    by_family = {}
    files = sorted(file for folder in folders for file in folder.rglob("*.jinja"))
    num_equal = num_unequal = num_refused_by_both = num_more_refused = num_trained = 0
    not_loaded = []
    with tempfile.TemporaryDirectory() as parent:
        for number, file in enumerate(files):
            template = file.read_text(encoding="utf-8")
            folder = model_folder(parent, number, template)
            questions = [
                {"template": template, "special_tokens": TOKENS, "folder": folder, **conversation}
                for conversation in conversations
            ]
            has_tags = "endgeneration" in template
            any_theirs = any_ours = False
            for conversation, answer in zip(conversations, answered(arguments.program, questions), strict=True):
                text, _, reason = expected(template, conversation, False)
                ours = answer.get("text")
                any_theirs |= text is not None
                any_ours |= ours is not None
                place = f"{file.name}, {conversation['name']}"
                if text is None and ours is None:
                    num_refused_by_both += 1
                    continue
                if text is None:
                    num_more_refused += 1
                    print(f"{place}: only Transformers refuses it: {reason}")
                    continue
                spans = None
                if has_tags:
                    unprompted = {**conversation, "add_generation_prompt": False}
                    spans = expected(template, unprompted, True)[1]
                own_spans = answer.get("generations") if has_tags else None
                figures = by_family.setdefault(family(file.name), [0, 0])
                figures[0] += ours == text
                figures[1] += 1
                if ours == text and not_empty(own_spans) == not_empty(spans):
                    num_equal += 1
                elif ours is None:
                    num_unequal += 1
                    print(f"{place}: only we refuse it: {answer['error']}")
                elif ours == text:
                    num_unequal += 1
                    print(f"{place}: other spans: ours {own_spans}, theirs {spans}")
                else:
                    num_unequal += 1
                    print(f"{place}: {first_difference(ours, text)}")
                    if arguments.diff:
                        print("\n".join(difflib.ndiff(text.splitlines(), ours.splitlines())))
                if ours is not None:
                    for wrong in wrongly_trained(conversation, answer):
                        num_trained += 1
                        print(f"{place}: would be trained: {wrong!r}")
            if any_theirs and not any_ours:
                not_loaded.append(file.name)
    num_other = 0
    if arguments.published:
        for name, (num, of) in sorted(by_family.items()):
            print(f"{name}: {num} of {of} texts are equal")
        num_kept, others = check_kept(arguments.program, folders[-1], conversations)
        num_other = len(others)
        print(f"thinking kept as TRL's templates for training keep it: {num_kept} equal, {num_other} not")
        print("\n".join(others))
    share = 100 * num_equal / max(1, num_equal + num_unequal)
    print(
        f"{len(files)} templates, {len(conversations)} conversations: {num_equal} equal, {num_unequal} not ({share:.2f} %), "
        f"{num_refused_by_both} refused by both, {num_more_refused} by Transformers only; "
        f"not loaded: {', '.join(not_loaded) or 'none'}; trained outside of answers: {num_trained}"
    )
    return share < 99 or bool(not_loaded) or num_trained > 0 or num_other > 0


if __name__ == "__main__":
    sys.exit(main())
