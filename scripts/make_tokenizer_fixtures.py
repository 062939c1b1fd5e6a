#!/usr/bin/env python3
"""Writes tests/fixtures/tokenizers: hard strings as others cut and encode them.

- `splits.json`: how each pre-tokenizer that a GGUF file can name cuts each string. The reference is the published
  tokenizer.json of a model with that name, and where there is none llama.cpp's own expressions, run by Python's `regex`.
- `kinds.json`: small vocabularies of each kind that a GGUF file can hold, with the ids that Hugging Face's tokenizers or
  SentencePiece give.
- `bpe`, `bpe_plain`, `unigram`: folders with a tokenizer.model, with the ids that SentencePiece gives.

Needs `pip install tokenizers transformers sentencepiece regex`, and fetches the packages that publish the references.
"""

import itertools
import json
import pathlib
import re
import sys
import unicodedata

import regex
import sentencepiece
from published import llama_cpp, tokenizer
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tests" / "fixtures" / "tokenizers"

# By llama.cpp's name of the pre-tokenizer.
PUBLISHED = {
    "llama-bpe": "llama3_2",
    "qwen2": "qwen3",
    "gpt-4o": "gptoss",
    "tekken": "mistral_nemo",
    "deepseek-v3": "deepseek_v3",
    "command-r": "command_r_plus",
}
# Names whose expressions llama.cpp rewrote because its own engine lacks something, so that they aren't the original's.
# They have the same original as the other.
SAME = {"llama4": "gpt-4o", "kanana2": "gpt-4o", "talkie": "gpt-4o", "minimax-m2": "gpt-4o"}
# What isn't read: it needs more than cutting, or belongs to models that aren't.
LEFT_OUT = {
    "default", "kimi-k2", "afmoe", "chameleon", "whitespace", "gemma4", "sarvam-moe", "granite-embed-multi-311m",
    "granite-embed-multi-97m", "superbpe", "youtu", "spark2_5", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de",
    "jina-v1-en", "jina-v2-code", "roberta-bpe", "jina-v5-nano",
}  # fmt: skip
# Their tokenizer.json puts letters and accents together, which llama.cpp leaves out.
COMPOSING = {"qwen2", "deepseek-r1-qwen", "megrez", "kormo", "f2llmv2", "qwen35", "command-r", "olmo", "mpt"}

MORE = [
    "1", "12", "123", "1234", "12345678", " 12", "a 12", "  1234 5", "3.14 and 1,000,000", "²³ ½ ⅓ Ⅻ", "٣٤٥ ४५६",
    "DON'T I'LL we'Re O'Neill 'tis", "it’s", "x='s'", "caf\u0065\u0301 na\u0069\u0308ve", "\u1112\u1161\u11ab",
    "क्षत्रिय नमस्ते", "ประเทศไทย", "한국어입니다", "これはテストです。「はい」", "中文，标点。（括号）！", "ＡＢＣ　ｘｙｚ",
    "HTTPServerError parseJSONNow iPhone eBay", "ÀÉÎ àéî ÀÉî", "a/b//c\n/d", "!!\n\n??", "...\r\n\r\n", " \n \n\n  x",
    "\t\tif x:\n\t\t\treturn", "a \u2003b\u2003", "x\u00a0\u00a0y", "-- -- --", "#!/bin/sh\n", "<a href='x'>y</a>",
    "\U0001f469\u200d\U0001f4bb ok", "🇫🇷🇫🇷", "a\u0300\u0301", "ϋΰ Ⴀ Ꭰ ꙮ ⅎ", "𐐀𐐨 𝒳", "١٢٣", "a" * 40,
    " " * 17 + "x", "\n" * 5 + "x", "x" + "\n " * 4, "$5 €5 £5 +5 -5 =5", "1st 2nd 3rd", "C++ C# F#", "`code` ``x``",
    "“He said ‘no’.”", "a_b__c", "@user #tag", "e.g. i.e. etc.", "Ünïcödé ÜNÏCÖDÉ",
]  # fmt: skip


def strings():
    known = json.loads((ROOT / "tests/fixtures/starter_tokens.json").read_text(encoding="utf-8"))
    return [text["text"] for text in known] + MORE


# --- how texts are cut


def expressions():
    """By name the expressions of llama.cpp: what each part of its code says."""
    source = (llama_cpp() / "src" / "llama-vocab.cpp").read_text(encoding="utf-8")
    by_type = {}
    pending = []
    body = source[source.index("struct llm_tokenizer_bpe : ") :]
    body = body[: body.index("\n};")]
    for block in re.finditer(r"case (LLAMA_VOCAB_PRE_TYPE_\w+):|regex_exprs = \{(.*?)\n\s+\};", body, re.S):
        if block[1]:
            pending.append(block[1])
            continue
        lines = [line.strip() for line in block[2].split("\n")]
        literals = [re.match(r'"((?:[^"\\]|\\.)*)"', line) for line in lines if line.startswith('"')]
        texts = [unescaped(literal[1]) for literal in literals]
        by_type.update((kind, texts) for kind in pending)
        pending = []
    by_name = {}
    names = []
    for match in re.finditer(r'tokenizer_pre == "([^"]+)"|pre_type = (LLAMA_VOCAB_PRE_TYPE_\w+);', source):
        if match[1]:
            names.append(match[1])
        else:
            by_name.update((name, by_type.get(match[2])) for name in names)
            names = []
    return by_name


def unescaped(text):
    escapes = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
    return re.sub(r"\\(.)", lambda match: escapes[match[1]], text)


def cut_by_expressions(texts, text):
    pieces = [text]
    for expression in texts:
        pattern = regex.compile(expression, regex.V0)
        pieces = [part for piece in pieces for part in cut(pattern, piece)]
    return pieces


def cut(pattern, text):
    at = 0
    for match in pattern.finditer(text):
        if match.start() > at:
            yield text[at : match.start()]
        if match.end() > match.start():
            yield match.group()
        at = match.end()
    if at < len(text):
        yield text[at:]


def cut_by_tokenizer(one, text):
    normal = one.normalizer.normalize_str(text) if one.normalizer else text
    return [normal[start:end] for _, (start, end) in one.pre_tokenizer.pre_tokenize_str(normal)]


def falcon():
    """Digits are looked for among the letters that stand for bytes, some of which are numbers: no token of the published
    vocabulary has such a letter beside another one, nor a digit behind a space. llama.cpp leaves that out."""
    one = Tokenizer(models.BPE())
    steps = [
        pre_tokenizers.Punctuation("contiguous"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        pre_tokenizers.Digits(individual_digits=False),
        pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), "isolated"),
    ]
    one.pre_tokenizer = pre_tokenizers.Sequence(steps)
    return one


def merged(pieces):
    """Without what ByteLevel splits: an offset of length 0."""
    return [len(piece) for piece in pieces if piece]


def splits(texts):
    by_name = expressions()
    groups = {}
    for name, known in by_name.items():
        if name in LEFT_OUT:
            continue
        if name == "qwen35":
            from transformers import Qwen3_5Tokenizer

            one, reference = Qwen3_5Tokenizer()._tokenizer, "Transformers' Qwen3_5Tokenizer"
        elif name == "falcon":
            one, reference = falcon(), "Falcon's steps"
        elif source := PUBLISHED.get(SAME.get(name, name)):
            one = Tokenizer.from_file(str(tokenizer(source) / "tokenizer.json"))
            reference = f"the published tokenizer.json of {source}"
        else:
            one, reference = None, "llama.cpp's expressions"
        composed = [unicodedata.normalize("NFC", text) if name in COMPOSING else text for text in texts]
        if one:
            lengths = [merged(cut_by_tokenizer(one, text)) for text in texts]
        else:
            lengths = [merged(cut_by_expressions(known, text)) for text in composed]
        key = (reference, json.dumps(lengths), name in COMPOSING)
        groups.setdefault(key, []).append(name)
    return [
        {"names": names, "reference": reference, "composes": composes, "lengths": json.loads(lengths)}
        for (reference, lengths, composes), names in groups.items()
    ]


# --- small vocabularies


def pre_tokenizer(name):
    by_name = expressions()
    if source := PUBLISHED.get(name):
        one = Tokenizer.from_file(str(tokenizer(source) / "tokenizer.json"))
        return one.normalizer, one.pre_tokenizer
    steps = [pre_tokenizers.Split(Regex(expression), "isolated") for expression in by_name[name]]
    steps.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False))
    return None, pre_tokenizers.Sequence(steps)


SPECIALS = ["<|begin|>", "<|end|>"]
ADDED = ["<think>", "</think>"]


def byte_level(name, texts):
    normalizer, cutting = pre_tokenizer(name)
    one = Tokenizer(models.BPE(ignore_merges=name == "llama-bpe"))
    if normalizer:
        one.normalizer = normalizer
    one.pre_tokenizer = cutting
    one.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=600, initial_alphabet=alphabet, show_progress=False)
    one.train_from_iterator(texts, trainer)
    one.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIALS])
    one.add_tokens([AddedToken(token, normalized=False) for token in ADDED])
    return gguf_kind("gpt2", one, texts, pre=name)


def gguf_kind(model, one, texts, **more):
    saved = json.loads(one.to_str())
    tokens = [one.id_to_token(token) for token in range(one.get_vocab_size())]
    types = [3 if token in SPECIALS else 4 if token in ADDED else 1 for token in tokens]
    one.encode_special_tokens = True
    ids = [one.encode(text, add_special_tokens=False).ids for text in texts]
    merges = [" ".join(merge) for merge in saved["model"]["merges"]]
    return {"model": model, **more, "tokens": tokens, "types": types, "merges": merges, "ids": ids}


def trained(texts, **settings):
    """A SentencePiece model of the texts, as bytes."""
    lines = [line for text in texts for line in text.split("\n") if line.strip() and "\0" not in line]
    written = bytearray()

    class Writer:
        def write(self, data):
            written.extend(data)

    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines * 3),
        model_writer=Writer(),
        minloglevel=2,
        hard_vocab_limit=False,
        character_coverage=0.98,
        **settings,
    )
    return bytes(written)


def sentencepiece_kind(data, texts, has_prefix):
    one = sentencepiece.SentencePieceProcessor(model_proto=data)
    tokens = [one.id_to_piece(token) for token in range(one.get_piece_size())]
    scores = [one.get_score(token) for token in range(one.get_piece_size())]

    def kind(token):
        if one.is_unknown(token):
            return 2
        if one.is_control(token):
            return 3
        return 6 if one.is_byte(token) else 1

    types = [kind(token) for token in range(one.get_piece_size())]
    ids = [one.encode(text) for text in texts]
    return {
        "model": "llama", "add_space_prefix": has_prefix, "tokens": tokens, "types": types, "scores": scores, "ids": ids,
    }  # fmt: skip


def as_transformers(data, one, texts, ids):
    """Of two ways with the same score SentencePiece takes another one than Transformers does, and a letter with what is
    above it is changed otherwise. Transformers is followed, but for the names of control tokens, which it reads as such."""
    from transformers.convert_slow_tokenizer import SpmConverter, import_protobuf

    proto = import_protobuf().ModelProto()
    proto.ParseFromString(data)
    again = SpmConverter.build_tokenizer_from_spm_proto(proto, [(piece.piece, piece.score) for piece in proto.pieces])
    control = [one.id_to_piece(i) for i in range(one.get_piece_size()) if one.is_control(i)]
    theirs = [again.encode(text, add_special_tokens=False).ids for text in texts]
    others = [at for at, text in enumerate(texts) if any(name in text for name in control)]
    return [ids[at] if at in others else theirs[at] for at in range(len(texts))]


def gemma4(data, texts):
    """The same vocabulary with merges and user-defined tokens, as Gemma 4's file has it."""
    one = sentencepiece.SentencePieceProcessor(model_proto=data)
    pieces = [(one.id_to_piece(i), one.get_score(i)) for i in range(one.get_piece_size())]
    normal = {p: s for i, (p, s) in enumerate(pieces) if not (one.is_control(i) or one.is_byte(i) or one.is_unknown(i))}
    ranked = []
    for token, score in normal.items():
        halves = ((token[:at], token[at:]) for at in range(1, len(token)))
        ranked += [(-score, left, right) for left, right in halves if left in normal and right in normal]
    merges = [(left, right) for _, left, right in sorted(ranked)]
    vocab = {token: i for i, (token, _) in enumerate(pieces)}
    model = models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    again = Tokenizer(model)
    again.normalizer = normalizers.Replace(" ", "▁")
    again.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    again.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIALS])
    again.add_tokens([AddedToken(token, normalized=False) for token in ADDED])
    kind = gguf_kind("gemma4", again, texts)
    of_file = [3 if one.is_control(i) else 6 if one.is_byte(i) else 2 if one.is_unknown(i) else 1 for i in range(len(pieces))]
    kind["types"] = of_file + kind["types"][len(pieces) :]
    return kind


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    texts = strings()
    groups = splits(texts)
    write("splits.json", {"strings": texts, "ways": groups})
    plain = dict(normalization_rule_name="identity", remove_extra_whitespaces=False, byte_fallback=True)
    bpe = trained(texts, model_type="bpe", vocab_size=700, **plain)
    no_prefix = trained(texts, model_type="bpe", vocab_size=700, add_dummy_prefix=False, **plain)
    kinds = [byte_level(name, texts) for name in ("llama-bpe", "qwen2", "deepseek-llm")]
    kinds += [sentencepiece_kind(bpe, texts, True), sentencepiece_kind(no_prefix, texts, False), gemma4(no_prefix, texts)]
    write("kinds.json", {"strings": texts, "kinds": kinds})
    rules = FOLDER / "rules.tsv"
    rules.write_text("41\t61\n42\t62\nFB01\t66 69\n3000\t20\nA0\t20\n9\t20\nA\t20\n", encoding="utf-8")
    folders = {
        "bpe": (dict(model_type="bpe", vocab_size=700, user_defined_symbols=["🏳", "ab", "<tool>"], **plain), True),
        "bpe_plain": (dict(model_type="bpe", vocab_size=600, add_dummy_prefix=False, **plain), True),
        "unigram": (dict(model_type="unigram", vocab_size=600, normalization_rule_tsv=str(rules), byte_fallback=True), True),
        "unigram_unknown": (dict(model_type="unigram", vocab_size=500, normalization_rule_name="identity"), True),
    }
    for name, (settings, _) in folders.items():
        data = trained(texts, **settings)
        one = sentencepiece.SentencePieceProcessor(model_proto=data)
        (FOLDER / name).mkdir(exist_ok=True)
        (FOLDER / name / "tokenizer.model").write_bytes(data)
        ids = [one.encode(text) for text in texts]
        if settings["model_type"] == "unigram":
            ids = as_transformers(data, one, texts, ids)
        write(f"{name}/ids.json", ids)
    rules.unlink()
    print(f"{len(texts)} strings, {len(groups)} ways, {len(kinds)} vocabularies, {len(folders)} folders")


def write(name, value):
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # One entry a line, so that changes can be seen.
    (FOLDER / name).write_text(text.replace("],[", "],\n[").replace('},{"', '},\n{"') + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
