#!/usr/bin/env python3
"""Holds the chat templates of folders against Transformers: check_templates.py FOLDER…

Every `.jinja` file below the folders is rendered with each of scripts/conversations.json, by Transformers and by us
(`cargo build --example render_templates`, or `--program PATH`). Fetches nothing; needs `pip install transformers jinja2`.
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
from transformers.utils.chat_template_utils import render_jinja_template  # noqa: E402

ROOT = pathlib.Path(__file__).parent.parent
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}


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


def not_empty(spans):
    return [span for span in spans or [] if span[0] < span[1]]


def first_difference(ours, theirs):
    at = next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs)))
    return f"at {at}: ours {ours[max(0, at - 20) : at + 40]!r}, theirs {theirs[max(0, at - 20) : at + 40]!r}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    parser.add_argument("--program", default=str(ROOT / "target" / "debug" / "examples" / "render_templates"))
    parser.add_argument("--diff", action="store_true", help="show whole differences")
    arguments = parser.parse_args()
    conversations = json.loads((ROOT / "scripts" / "conversations.json").read_text(encoding="utf-8"))
    files = sorted(file for folder in arguments.folders for file in folder.rglob("*.jinja"))
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
    share = 100 * num_equal / max(1, num_equal + num_unequal)
    print(
        f"{len(files)} templates, {len(conversations)} conversations: {num_equal} equal, {num_unequal} not ({share:.2f} %), "
        f"{num_refused_by_both} refused by both, {num_more_refused} by Transformers only; "
        f"not loaded: {', '.join(not_loaded) or 'none'}; trained outside of answers: {num_trained}"
    )
    return share < 99 or bool(not_loaded) or num_trained > 0


if __name__ == "__main__":
    sys.exit(main())
