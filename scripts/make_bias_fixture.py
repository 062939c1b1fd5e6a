#!/usr/bin/env python3
"""Makes tests/fixtures/llama_bias: the tiny Llama with a bias on every linear layer, and its logits.

    make_bias_fixture.py tests/fixtures/llama tests/fixtures/llama_bias

The forward pass is written out in numpy (LlamaModel with attention_bias and mlp_bias, as Transformers has them). Without the
biases it is first held against the logits that Transformers computed for the original, which are beside it.
"""
import json
import pathlib
import struct
import sys

import numpy as np

TYPES = {"F32": np.float32, "I64": np.int64}


def load(path):
    raw = path.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + length])
    header.pop("__metadata__", None)

    def tensor(info):
        start, end = (8 + length + offset for offset in info["data_offsets"])
        return np.frombuffer(raw[start:end], TYPES[info["dtype"]]).reshape(info["shape"])

    return {name: tensor(info) for name, info in header.items()}


def save(path, tensors):
    header, body = {"__metadata__": {"format": "pt"}}, b""
    for name in sorted(tensors):
        values = np.ascontiguousarray(tensors[name])
        kind = next(name for name, kind in TYPES.items() if values.dtype == kind)
        header[name] = {"dtype": kind, "shape": list(values.shape), "data_offsets": [len(body), len(body) + values.nbytes]}
        body += values.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def forward(config, weights, ids):
    """Logits of one sequence, [tokens, vocabulary], in float64."""
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    dim = config.get("head_dim") or config["hidden_size"] // heads
    theta = (config.get("rope_parameters") or config).get("rope_theta", 10000.0)

    def linear(x, name):
        return x @ weights[f"{name}.weight"].astype(np.float64).T + weights.get(f"{name}.bias", 0.0)

    def norm(x, name):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + config["rms_norm_eps"]) * weights[f"{name}.weight"]

    def rotate(x):
        angles = np.outer(np.arange(len(ids)), theta ** (-np.arange(0, dim, 2) / dim))[:, None, :]
        a, b = x[..., :dim // 2], x[..., dim // 2:]
        return np.concatenate([a * np.cos(angles) - b * np.sin(angles), b * np.cos(angles) + a * np.sin(angles)], -1)

    x = weights["model.embed_tokens.weight"][ids].astype(np.float64)
    hidden = np.triu(np.full((len(ids), len(ids)), -np.inf), 1)
    for layer in range(config["num_hidden_layers"]):
        of = f"model.layers.{layer}."
        h = norm(x, of + "input_layernorm")
        q = rotate(linear(h, of + "self_attn.q_proj").reshape(len(ids), heads, dim))
        k = rotate(linear(h, of + "self_attn.k_proj").reshape(len(ids), kv_heads, dim))
        v = linear(h, of + "self_attn.v_proj").reshape(len(ids), kv_heads, dim)
        k, v = (np.repeat(t, heads // kv_heads, axis=1) for t in (k, v))
        scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(dim) + hidden
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = np.einsum("hqk,khd->qhd", scores / scores.sum(-1, keepdims=True), v).reshape(len(ids), heads * dim)
        x = x + linear(mixed, of + "self_attn.o_proj")
        h = norm(x, of + "post_attention_layernorm")
        gate, up = linear(h, of + "mlp.gate_proj"), linear(h, of + "mlp.up_proj")
        x = x + linear(gate / (1 + np.exp(-gate)) * up, of + "mlp.down_proj")
    head = "model.embed_tokens" if config["tie_word_embeddings"] else "lm_head"
    return linear(norm(x, "model.norm"), head) if head == "lm_head" else norm(x, "model.norm") @ weights[head + ".weight"].T


def main():
    original, target = map(pathlib.Path, sys.argv[1:])
    config = json.loads((original / "config.json").read_text())
    weights, expected = load(original / "model.safetensors"), load(original / "expected.safetensors")
    rows = [ids[mask == 1] for ids, mask in zip(expected["input_ids"], expected["attention_mask"])]
    for row, ids in enumerate(rows):
        off = np.abs(forward(config, weights, ids) - expected["logits_base"][row, :len(ids)]).max()
        assert off < 1e-5, f"without biases, row {row} is off by {off}"
    rng, biased = np.random.default_rng(16), dict(weights)
    for name, weight in weights.items():
        if "_proj.weight" in name:
            biased[name.replace(".weight", ".bias")] = rng.normal(0, 0.3, weight.shape[0]).astype(np.float32)
    target.mkdir(exist_ok=True)
    (target / "config.json").write_text(json.dumps({**config, "attention_bias": True, "mlp_bias": True}, indent=2) + "\n")
    save(target / "model.safetensors", biased)
    logits = {f"logits.{row}": forward(config, biased, ids).astype(np.float32) for row, ids in enumerate(rows)}
    save(target / "expected.safetensors", {**logits, **{f"input_ids.{row}": ids for row, ids in enumerate(rows)}})


if __name__ == "__main__":
    main()
