#!/usr/bin/env python3
"""Writes the grids of ggml's low-bit types (src/ops/quant/grids) and blocks of every type with their values
(tests/fixtures/quant/any_bytes.safetensors), as the gguf package has them.

Needs `pip install gguf==0.19.0 safetensors numpy`. Blocks are of any bytes, but for their scales, which are usual ones.
"""

import pathlib

import numpy as np
from gguf import quants
from gguf.constants import GGML_QUANT_SIZES
from gguf.constants import GGMLQuantizationType as Type
from safetensors.numpy import save_file

ROOT = pathlib.Path(__file__).resolve().parent.parent
GRIDS = {"iq2_xxs": quants.IQ2_XXS, "iq2_xs": quants.IQ2_XS, "iq2_s": quants.IQ2_S,
         "iq3_xxs": quants.IQ3_XXS, "iq3_s": quants.IQ3_S, "iq1_s": quants.IQ1_S}
# Where a block's f16 scales lie.
SCALES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
          "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ2_XXS": [0], "IQ2_XS": [0], "IQ2_S": [0], "IQ3_XXS": [0],
          "IQ3_S": [0], "IQ1_S": [0], "IQ1_M": [], "IQ4_NL": [0], "IQ4_XS": [0], "MXFP4": [], "TQ1_0": [52],
          "TQ2_0": [64]}
NUM_BLOCKS = 6


def write_grids():
    """Every point of a grid as a word: the number of each value's level, the first in the lowest bits."""
    for name, kind in GRIDS.items():
        kind.init_grid()
        levels = list(kind.grid_map)
        bits = (len(levels) - 1).bit_length()
        points = kind.grid.reshape(kind.grid_shape)
        words = ["%04x" % sum(levels.index(v) << bits * i for i, v in enumerate(point)) for point in points]
        lines = ["".join(words[i:i + 28]) for i in range(0, len(words), 28)]
        (ROOT / f"src/ops/quant/grids/{name}.hex").write_text("\n".join(lines) + "\n")


def write_blocks():
    random = np.random.default_rng(7)
    tensors = {}
    for name, scales in SCALES.items():
        kind = Type[name]
        blocks = random.integers(0, 256, (NUM_BLOCKS, GGML_QUANT_SIZES[kind][1]), dtype=np.uint8)
        values = random.uniform(-0.1, 0.1, (NUM_BLOCKS, len(scales))).astype(np.float16)
        for i, at in enumerate(scales):
            blocks[:, at:at + 2] = values[:, i:i + 1].view(np.uint8)
        if name == "IQ1_M":  # The four bits on top of each scale's word: the exponent of one below 1.
            blocks[:, 49::2] = blocks[:, 49::2] & 0x0F | np.array([0x00, 0x70, 0x30, 0x20], dtype=np.uint8)
        tensors[f"{name}.blocks"] = blocks.reshape(-1)
        tensors[f"{name}.values"] = quants.dequantize(blocks, kind).astype(np.float32).reshape(-1)
    folder = ROOT / "tests/fixtures/quant"
    folder.mkdir(exist_ok=True)
    save_file(tensors, folder / "any_bytes.safetensors")


write_grids()
write_blocks()
