"""Subsets the window's fonts. Called by scripts/make-fonts: WORK_FOLDER ICON_RS OUT_FOLDER."""

import re
import sys
from pathlib import Path

from fontTools.merge import Merger
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables._c_m_a_p import CmapSubtable

# Latin with its extensions, Greek, Cyrillic, punctuation, currency, arrows, mathematical and technical signs, boxes.
TEXT_RANGES = [
    (0x20, 0x7E), (0xA0, 0x24F), (0x259, 0x259), (0x2B0, 0x36F), (0x370, 0x3FF), (0x400, 0x52F), (0x1E00, 0x1EFF),
    (0x2000, 0x206F), (0x2070, 0x209F), (0x20A0, 0x20BF), (0x2100, 0x214F), (0x2190, 0x21FF), (0x2200, 0x22FF),
    (0x2300, 0x23FF), (0x2500, 0x25FF), (0x2713, 0x2717), (0xFFFD, 0xFFFD),
]
TEXT = [code for first, last in TEXT_RANGES for code in range(first, last + 1)]


def subset(font, codes, features):
    options = Options()
    options.layout_features = features
    options.name_IDs = ["*"]
    options.notdef_outline = True
    options.glyph_names = False
    options.hinting = False
    options.drop_tables += ["DSIG", "GDEF", "FFTM"] if not features else ["DSIG", "FFTM"]
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=codes)
    subsetter.subset(font)


def save(font, path):
    # A fixed date, so that the same input gives the same file.
    font["head"].modified = font["head"].created
    font.recalcTimestamp = False
    font.flavor = None
    font.save(path)


def tabular_digits(font):
    """Digits of one width by default; the feature `tnum` would widen hyphens and brackets, too."""
    for table in font["cmap"].tables:
        for code in range(ord("0"), ord("9") + 1):
            name = table.cmap.get(code)
            if name and f"{name}.tf" in font.getGlyphSet():
                table.cmap[code] = f"{name}.tf"


def inter(work, weight, out):
    font = TTFont(next(work.glob(f"inter-ui-*/web/Inter-{weight}.woff2")))
    tabular_digits(font)
    # `calt` would turn "->" into an arrow and shift colons between digits: the person's text is shown as it is.
    subset(font, TEXT, ["kern", "mark", "mkmk", "ccmp", "locl"])
    save(font, out / f"Inter-{weight}.ttf")


def mono(work, out):
    parts = []
    for script in ["latin", "latin-ext", "greek", "cyrillic", "cyrillic-ext", "vietnamese"]:
        font = TTFont(next(work.glob(f"fontsource-jetbrains-mono-*/files/jetbrains-mono-{script}-400-normal.woff2")))
        subset(font, TEXT, [])
        for tag in ["GSUB", "GPOS", "GDEF"]:
            if tag in font:
                del font[tag]
        path = work / f"mono-{script}.ttf"
        save(font, path)
        parts.append(str(path))
    save(Merger().merge(parts), out / "JetBrainsMono-Regular.ttf")


def phosphor(work, icon_rs, out):
    codes = {int(code, 16) for code in re.findall(r"\\u\{([0-9a-fA-F]+)\}", icon_rs.read_text())}
    for folder, file in [("regular", "Phosphor"), ("fill", "Phosphor-Fill")]:
        font = TTFont(next(work.glob(f"phosphor-icons-web-*/src/{folder}/{file}.ttf")))
        subset(font, codes, [])
        if folder == "regular":
            copy_sign(font)
        save(font, out / f"{file}.ttf")
        keep_bearings(out / f"{file}.ttf")


def copy_sign(font):
    """Markdown's blocks of code have a button with this sign, which the text faces lack."""
    table = CmapSubtable.newSubtable(12)
    table.platformID, table.platEncID, table.language = 3, 10, 0
    table.cmap = dict(font.getBestCmap())
    table.cmap[0x1F5D0] = table.cmap[0xE1CA]
    font["cmap"].tables.append(table)


def keep_bearings(path):
    """The files say that every outline begins at 0, and rasterizers move it there: icons would sit off centre."""
    font = TTFont(path)
    metrics, outlines = font["hmtx"].metrics, font["glyf"]
    for name, (advance, _) in list(metrics.items()):
        outlines[name].expand(outlines)
        metrics[name] = (advance, getattr(outlines[name], "xMin", 0))
    save(font, path)


work, icon_rs, out = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
inter(work, "Regular", out)
inter(work, "SemiBold", out)
mono(work, out)
phosphor(work, icon_rs, out)
