"""Fonts with Chinese characters for figures. Lesson 09 draws with one."""

import matplotlib
import matplotlib.pyplot as plt
from matplotlib import font_manager

from ..basics.course import REPOSITORY

KNOWN = (  # of Linux, macOS and Windows; any other font with the characters will do, too
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Source Han Sans SC",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "WenQuanYi Micro Hei",
)
OURS = REPOSITORY / "data" / "fonts" / "LabelsSC-Regular.otf"  # the words of learning curves, see tools/make_font.py


def use_cjk_font(text: str = "训练损失") -> str:
    """Let figures show Chinese, Japanese or Korean: from now on they take a font that can, where the usual one cannot.

    Args:
        text: holds the characters that are wanted.

    Returns:
        Name of the font that was chosen: an installed one that has them all, well-known ones first, or the small one
        of this course.

    Raises:
        LookupError: no font has all characters, so figures would show boxes. Nothing is changed then.
    """
    if OURS.exists() and str(OURS) not in [font.fname for font in font_manager.fontManager.ttflist]:
        font_manager.fontManager.addfont(OURS)
    fonts, known = font_manager.fontManager, {name: rank for rank, name in enumerate(KNOWN)}
    plain_first = sorted(
        fonts.ttflist,
        key=lambda f: (
            f.fname == str(OURS),
            known.get(f.name, len(known)),
            f.style != "normal",
            fonts.score_weight(f.weight, 400),
            f.name,
        ),
    )
    for font in plain_first:
        # the last resort claims to have every character, and draws boxes
        if not _missing(font.fname, text) and "LastResort" not in font.name.replace(" ", ""):
            others = [name for name in plt.rcParams["font.family"] if name != font.name]
            plt.rcParams["font.family"] = [*others, font.name]  # matplotlib asks them one after the other
            return font.name
    raise LookupError(
        f"No font here has all of {text!r}; the one that comes with this course lacks {_missing(str(OURS), text)!r}. "
        "Install one: apt install fonts-noto-cjk on Debian and Ubuntu; macOS and Windows bring some along. Then delete "
        f"matplotlib's list of fonts, fontlist-….json in {matplotlib.get_cachedir()}, and restart the kernel."
    )


def _missing(font_file: str, text: str) -> str:
    """The characters of `text`, but for white space, that a font lacks."""
    try:
        font = font_manager.get_font(font_file)
    except (OSError, RuntimeError):  # a bitmap font, or a file that has gone
        return text
    return "".join(character for character in text if not (character.isspace() or font.get_char_index(ord(character))))
