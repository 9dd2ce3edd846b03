"""Checks of show_answers: every picture with its names, probabilities and bars."""

import matplotlib.pyplot as plt
import pytest
from PIL import Image

from course_utils.evaluation.answers import show_answers

PICTURE = Image.new("RGB", (40, 30), "red")
ANSWER = {"espresso": 0.92, "cup of $5": 0.05, "tea": 0.01}


@pytest.mark.parametrize(("count", "grid"), [(1, (2, 1)), (3, (2, 3)), (4, (4, 3)), (6, (4, 3))])
def test_each_picture_stands_above_its_own_bars(count: int, grid: tuple[int, int]) -> None:
    figure = show_answers([PICTURE] * count, [{f"name {index}": 0.5} for index in range(count)], title="Answers")
    axes = figure.axes
    assert figure.get_suptitle() == "Answers"
    assert len(axes) == grid[0] * grid[1]
    for index in range(count):
        row, column = divmod(index, grid[1])
        above, below = axes[2 * row * grid[1] + column], axes[(2 * row + 1) * grid[1] + column]
        assert len(above.images) == 1 and below.texts[0].get_text() == f"name {index}"
    assert sum(len(axis.images) for axis in axes) == count
    plt.close(figure)


def test_bars_are_as_long_as_the_probabilities_and_say_them() -> None:
    figure = show_answers([PICTURE], [ANSWER])
    bars = figure.axes[1]
    assert [bar.get_width() for bar in bars.patches] == [0.92, 0.05, 0.01] and bars.get_xlim() == (0, 1)
    assert [text.get_text() for text in bars.texts] == ["espresso", "92%", r"cup of \$5", "5%", "tea", "1%"]
    assert bars.patches[0].get_y() < bars.patches[1].get_y() and bars.yaxis_inverted(), "the likeliest stands on top"
    plt.close(figure)


@pytest.mark.parametrize("answers", [[], [ANSWER, ANSWER]])
def test_as_many_answers_as_pictures(answers: list) -> None:
    with pytest.raises(ValueError, match=f"1 pictures and {len(answers)} answers"):
        show_answers([PICTURE], answers)


def test_no_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="0 pictures and 0 answers"):
        show_answers([], [])
