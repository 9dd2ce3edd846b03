"""Figures of the notebooks have a text for those who cannot see them, and it says what the data say."""

import re

import figure_texts
import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np
import pytest
from test_notebooks import LESSONS, SOLUTIONS, code_cells, name


@pytest.fixture
def axes():
    figure, axes = plt.subplots(1, 2)
    yield axes
    plt.close(figure)


def text(axes) -> str:
    return figure_texts.describe(axes[0].figure)


def test_a_line_is_told_by_its_ends_and_its_extreme_values(axes):
    values = np.random.default_rng(0).normal(size=50)
    axes[0].plot(range(1, 51), values, label="val")
    axes[0].set(title="Loss", xlabel="epoch", ylabel="loss", xlim=(0, 60))
    told = text(axes)
    assert told.startswith("Loss: epoch from 0 to 60, loss from ")
    lowest, highest = values.argmin(), values.argmax()
    for index, words in [(0, ""), (49, ""), (lowest, "lowest "), (highest, "highest ")]:
        assert f"{words}{values[index]:.3g} at {index + 1}" in told


def test_a_gap_in_a_line_and_a_guide_across_the_axes_are_no_values(axes):
    axes[0].plot([1, 2, 3], [np.nan, 5, 7])
    axes[0].axvline(2)
    assert "a line: 5 at 2, 7 at 3" in text(axes) and text(axes).count("a line") == 1


def test_dates_are_told_as_days(axes):
    days = mdates.num2date([16000, 16010])
    axes[0].plot(days, [1, 2])
    assert "1 at 2013-10-22, 2 at 2013-11-01" in text(axes)


@pytest.mark.parametrize("draw", ["bar", "barh"])
def test_bars_are_told_with_their_names_and_many_by_the_largest(draw, axes):
    getattr(axes[0], draw)(["ants", "bees"], [0.25, 1e-9])
    getattr(axes[1], draw)(range(30), range(30))
    axes[0].figure.canvas.draw()
    assert "bars: ants 0.25, bees 0" in text(axes) and "bars: 30, the largest 29 at 29" in text(axes)


def test_pictures_are_counted_and_named(axes):
    for ax, title in zip(axes, ["an ant", "a bee"]):
        ax.imshow(np.zeros((4, 6)))
        ax.set_title(title)
        ax.axis("off")
    axes[0].figure.suptitle("Insects")
    assert text(axes) == "Insects. 2 pictures of 6 by 4 pixels: an ant, a bee"


def test_points_are_counted_and_a_long_text_ends_between_words(axes):
    axes[0].scatter([1, 2, 3], [1, 2, 3], label="digits")
    axes[1].plot([1, 2], [3, 4], "o", label="days")
    assert "3 points “digits”" in text(axes) and "2 points “days”" in text(axes)
    for number in range(12):
        axes[0].plot([1, 2, 3], [number, 5, -1], label=f"quite a long name, which makes the text longer: {number}")
    assert len(text(axes)) <= figure_texts.LONGEST and text(axes).endswith(" …")


@pytest.mark.parametrize("path", LESSONS + SOLUTIONS, ids=name)
def test_every_picture_of_a_notebook_has_a_text(path):
    for cell in code_cells(path):
        for output in cell.outputs:
            for kind in {"image/png", "image/jpeg"} & output.get("data", {}).keys():
                alt = output.metadata.get(kind, {}).get("alt", "")
                assert len(re.findall(r"\w+", alt)) >= 3, f"the picture of this cell has no text:\n{cell.source}"
