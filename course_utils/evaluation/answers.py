"""What a network makes of single pictures. Lessons 00 and 07 ask it; lesson 09 draws such bars by hand."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

COLUMNS = 3


def show_answers(pictures: Sequence[Image.Image], answers: Sequence[Mapping[str, float]], title: str = "") -> Figure:
    """Show pictures side by side, and below each its likeliest names as bars, written out with their probabilities.

    Args:
        pictures: n PIL images.
        answers: for each picture name -> probability, from 0 to 1, the likeliest one first.

    Raises:
        ValueError: there is no picture, or not as many answers.
    """
    if not pictures or len(pictures) != len(answers):
        raise ValueError(f"{len(pictures)} pictures and {len(answers)} answers. Give each picture its answer.")
    columns = min(COLUMNS, len(pictures))
    rows = math.ceil(len(pictures) / columns)
    size = (3 * columns, 3.1 * rows + 0.3 * bool(title))
    figure, axes = plt.subplots(2 * rows, columns, figsize=size, squeeze=False, height_ratios=[2.1, 1] * rows)
    for axis in axes.flat:
        axis.axis("off")
    for index, (picture, answer) in enumerate(zip(pictures, answers)):
        row, column = divmod(index, columns)
        axes[2 * row, column].imshow(picture)
        bars = axes[2 * row + 1, column]
        bars.barh(range(len(answer)), list(answer.values()), color="#9ccbe8")
        bars.set(xlim=(0, 1), ylim=(len(answer) - 0.4, -0.6))
        for place, (name, probability) in enumerate(answer.items()):
            bars.text(0.02, place, name.replace("$", r"\$"), va="center")
            bars.text(1, place, f"{probability:.0%}", va="center", ha="right")
    figure.suptitle(title)
    return figure
