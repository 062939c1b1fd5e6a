#!/usr/bin/env python3
"""Writes a GGUF file of random weights in the shape of Qwen3-1.7B: for figures of loading and of steps without a download.

Usage: scripts/make_random_gguf.py Q4_0 /tmp/random.gguf [LAYERS]      (needs `pip install gguf==0.19.0`)
       tunewright bench train --model /tmp/random.gguf --batch 1 --length 128 --steps 3 --json
Types: Q4_0, Q8_0, IQ4_NL. The file has no tokenizer.
"""

import sys

import numpy as np
from gguf import GGUFWriter
from gguf.constants import GGML_QUANT_SIZES
from gguf.constants import GGMLQuantizationType as Type

HIDDEN, INNER, LAYERS, HEADS, KV_HEADS, HEAD_DIM, VOCAB = 2048, 6144, 28, 16, 8, 128, 151_936
# What brings a code to about the size of a weight.
FACTORS = {"Q4_0": 0.005, "Q8_0": 0.0003, "IQ4_NL": 0.0003}

kind, path = sys.argv[1:3]
layers = int(sys.argv[3]) if len(sys.argv) > 3 else LAYERS
random = np.random.default_rng(1)
writer = GGUFWriter(path, "qwen3", use_temp_file=False)
writer.add_name("Random in the shape of Qwen3-1.7B")
writer.add_block_count(layers)
writer.add_context_length(40_960)
writer.add_embedding_length(HIDDEN)
writer.add_feed_forward_length(INNER)
writer.add_head_count(HEADS)
writer.add_head_count_kv(KV_HEADS)
writer.add_key_length(HEAD_DIM)
writer.add_value_length(HEAD_DIM)
writer.add_layer_norm_rms_eps(1e-6)
writer.add_rope_freq_base(1_000_000.0)


def matrix(name, rows, cols):
    weights, num_bytes = GGML_QUANT_SIZES[Type[kind]]
    blocks = random.integers(0, 256, (rows * cols // weights, num_bytes), dtype=np.uint8)
    blocks[:, :2] = np.array([FACTORS[kind]], dtype=np.float16).view(np.uint8)
    writer.add_tensor(name, blocks.reshape(rows, -1), raw_dtype=Type[kind])


def norm(name, length):
    writer.add_tensor(name, np.ones(length, dtype=np.float32))


matrix("token_embd.weight", VOCAB, HIDDEN)
norm("output_norm.weight", HIDDEN)
for i in range(layers):
    for name, rows, cols in [
        ("attn_q", HEADS * HEAD_DIM, HIDDEN), ("attn_k", KV_HEADS * HEAD_DIM, HIDDEN),
        ("attn_v", KV_HEADS * HEAD_DIM, HIDDEN), ("attn_output", HIDDEN, HEADS * HEAD_DIM),
        ("ffn_gate", INNER, HIDDEN), ("ffn_up", INNER, HIDDEN), ("ffn_down", HIDDEN, INNER),
    ]:
        matrix(f"blk.{i}.{name}.weight", rows, cols)
    for name, length in [("attn_norm", HIDDEN), ("ffn_norm", HIDDEN), ("attn_q_norm", HEAD_DIM), ("attn_k_norm", HEAD_DIM)]:
        norm(f"blk.{i}.{name}.weight", length)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
