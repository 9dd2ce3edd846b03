"""Checks of the fonts for Chinese labels: which one is taken, and what is said where there is none."""

import io
import warnings
from collections.abc import Iterator
from pathlib import Path

import make_font
import matplotlib
import matplotlib.pyplot as plt
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTCollection, TTFont
from matplotlib import font_manager

from course_utils.evaluation import fonts
from course_utils.evaluation.fonts import OURS, use_cjk_font


def tiny_font(file: Path, text: str) -> str:
    """A font whose every character is a square; returns its name."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 700), (700, 700), (700, 0)):
        pen.lineTo(corner)
    pen.closePath()
    square, names = pen.glyph(), [".notdef", *(f"uni{ord(character):04X}" for character in text)]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap(dict(zip(map(ord, text), names[1:], strict=True)))
    builder.setupGlyf(dict.fromkeys(names, square))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (800, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": file.stem, "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800, usWeightClass=400)
    builder.setupPost()
    builder.save(file)
    return file.stem


@pytest.fixture
def usual_fonts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No fonts but those that matplotlib brings along, whatever is installed."""
    matplotlib.use("Agg")
    own = [font for font in font_manager.fontManager.ttflist if "mpl-data" in Path(font.fname).parts]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)
    with matplotlib.rc_context():
        yield
    plt.close("all")


def warnings_of_drawing(text: str) -> list[str]:
    figure, axis = plt.subplots()
    axis.set_title(text)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for kind in ("png", "pdf", "svg"):
            figure.savefig(io.BytesIO(), format=kind)
    return [str(warning.message) for warning in caught]


def test_use_cjk_font_finds_a_font_with_the_characters(tmp_path: Path, usual_fonts: None) -> None:
    some = tiny_font(tmp_path / "Some of them.ttf", "训练")
    enough = tiny_font(tmp_path / "All of them.ttf", "训练损失")
    for name in (some, enough):
        font_manager.fontManager.addfont(tmp_path / f"{name}.ttf")
    assert any("missing" in message for message in warnings_of_drawing("训练损失"))
    usual = list(plt.rcParams["font.family"])
    assert use_cjk_font() == enough and use_cjk_font() == enough
    assert plt.rcParams["font.family"] == [*usual, enough]
    assert warnings_of_drawing("训练损失, loss −1") == []


def test_use_cjk_font_takes_the_courses_own_where_none_is_installed(usual_fonts: None) -> None:
    assert use_cjk_font("训练集与验证集的损失（对数）") == "Labels SC"
    assert warnings_of_drawing("训练集与验证集的损失（对数）, loss −1") == []


@pytest.fixture
def no_own_font(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, usual_fonts: None) -> None:
    monkeypatch.setattr(fonts, "OURS", tmp_path / "none.otf")


def test_use_cjk_font_changes_nothing_where_no_font_has_them(no_own_font: None) -> None:
    assert any("Last Resort" in font.name for font in font_manager.fontManager.ttflist)  # it claims to have them all
    usual = list(plt.rcParams["font.family"])
    with pytest.raises(LookupError, match="fonts-noto-cjk"):
        use_cjk_font()
    assert plt.rcParams["font.family"] == usual


def test_use_cjk_font_names_what_the_courses_own_lacks(usual_fonts: None) -> None:
    with pytest.raises(LookupError, match="No font here has all of '训练 龘'; .* lacks '龘'"):
        use_cjk_font("训练 龘")


def test_use_cjk_font_survives_a_font_that_cannot_be_read(tmp_path: Path, no_own_font: None) -> None:
    name = tiny_font(tmp_path / "Gone.ttf", "训练损失")
    font_manager.fontManager.addfont(tmp_path / f"{name}.ttf")
    (tmp_path / f"{name}.ttf").write_bytes(b"no font")
    with pytest.raises(LookupError):
        use_cjk_font()


def test_the_courses_own_font_holds_its_words_its_licence_and_another_name() -> None:
    font = TTFont(OURS)
    assert set(map(chr, font.getBestCmap())) - {" "} == set(make_font.characters())
    assert font["name"].getDebugName(1) == make_font.FAMILY and "Open Font License" in font["name"].getDebugName(13)
    assert OURS.stat().st_size < 100_000 and (OURS.parent / "OFL.txt").exists()


def test_another_font_is_refused(tmp_path: Path) -> None:
    collection = TTCollection()
    collection.fonts = [TTFont(OURS)]
    collection.save(tmp_path / "other.ttc")
    with pytest.raises(ValueError, match="holds Labels SC, and no Noto Sans CJK SC"):
        make_font.cut_out(tmp_path / "other.ttc")
