"""Lesson 16: how a class activation map comes about, and how a heat map is scored."""

import math
from functools import partial

from diagrams.canvas import Canvas, Texts
from diagrams.parts import cells
from diagrams.style import BLUE, DARK_YELLOW, GREEN, GREY, HAIRLINE, INK, ORANGE, PALE, PURPLE, SMALL, YELLOW

PLACES, CELL = 7, 11  # numbers on a side of a map, and how large one is drawn
BUMPS = [(2.2, 2.8, 1.0), (3.4, 3.6, 0.8), (5.4, 1.2, 0.9)]  # row, column and height of what each map has found
WEIGHTS = [0.9, 0.7, -0.4]
HEAT = ["#FFFFFF", "#FBE9C4", "#F6D288", "#EFB640", "#E69F00", "#B97700"]
COOL = ["#FFFFFF", "#DCECF6", "#B9D8EC", "#8FBFE0", "#549CCB", "#0072B2"]


def found(row: int, column: int, bump: tuple[float, float, float]) -> float:
    y, x, height = bump
    return height * math.exp(-((row - y) ** 2 + (column - x) ** 2) / 3)


def heat(row: int, column: int) -> float:
    return max(0.0, sum(weight * found(row, column, bump) for weight, bump in zip(WEIGHTS, BUMPS)))


def shade(colours: list[str], value: float) -> str:
    return colours[min(len(colours) - 1, round(value * (len(colours) - 1)))]


def class_activation(texts: Texts) -> Canvas:
    canvas = Canvas(356, texts["title"])
    side = PLACES * CELL
    for number, bump in enumerate(BUMPS):
        y = 52 + number * (side + 18)
        warmth = partial(found, bump=bump)
        cells(canvas, 36, y, CELL, PLACES, PLACES, lambda r, c: shade(COOL, warmth(r, c)), BLUE, 0.5)  # noqa: B023
        canvas.text(36 + side + 34, y + side / 2, f"w{'₁₂₃'[number]}", 18, GREEN, bold=True)
    canvas.text(36, 26, texts["maps"], anchor="start", color=BLUE, bold=True)
    canvas.text(36 + side / 2, 346, texts["more"], SMALL, GREY)
    for y, middle, steps, colour in [
        (104, 104, ["mean", "times", "sum"], BLUE),
        (246, 246, ["times", "sum"], DARK_YELLOW),
    ]:
        start = 182
        canvas.arrow([(start, middle), (start + 34, middle)], colour, 2.5)
        left = start + 40
        for key in steps:
            width = 112 if len(steps) == 3 else 132
            canvas.box(left, y - 28, width, 56, PALE, colour)
            canvas.text(left + width / 2, y, texts[key], SMALL)
            if (colour, key) != (BLUE, "sum"):
                canvas.arrow([(left + width + 4, middle), (left + width + 28, middle)], colour, 2.5)
            left += width + 34
    cells(canvas, 562, 246 - side / 2, CELL, PLACES, PLACES, lambda r, c: shade(HEAT, heat(r, c)), YELLOW, 0.5)
    canvas.text(562 + side / 2, 246 + side / 2 + 20, texts["heat"], 16, DARK_YELLOW, bold=True)
    canvas.arrow([(562 + side + 8, 246), (562 + side + 30, 246)], DARK_YELLOW, 2.5)
    canvas.box(562 + side + 36, 246 - 28, 76, 56, PALE, DARK_YELLOW)
    canvas.text(562 + side + 74, 246, texts["mean"], SMALL)
    canvas.box(742, 140, 94, 56, "#F6E5EF", PURPLE)
    canvas.text(789, 168, texts["logit"], 17, PURPLE, bold=True)
    canvas.arrow([(630, 104), (789, 104), (789, 136)], BLUE, 2.5, bend=14)
    canvas.arrow([(756, 246), (789, 246), (789, 200)], DARK_YELLOW, 2.5, bend=14)
    canvas.text(430, 54, texts["usual"], 16, BLUE, bold=True)
    canvas.text(372, 196, texts["other"], 16, DARK_YELLOW, bold=True)
    return canvas


def map_scores(texts: Texts) -> Canvas:
    canvas = Canvas(330, texts["title"])
    for left, key in [(40, "pointing"), (328, "energy"), (616, "centre")]:
        canvas.text(left + 102, 28, texts[key], 17, bold=True)
        canvas.box(left, 50, 204, 204, "#EEF3EA", INK, 1, round=2)
        if key == "energy":
            for row in range(6):
                for column in range(6):
                    value = math.exp(-((row - 2.1) ** 2 + (column - 2.9) ** 2) / 3)
                    if value > 0.1:
                        x, y = left + column * 34, 50 + row * 34
                        canvas.box(x, y, 34, 34, YELLOW, None, round=0, opacity=0.75 * value)
        ant(canvas, left + 92, 140, filled=key == "centre")
        if key == "pointing":
            for way in (-1, 1):
                canvas.line([(left + 82, 162 - way * 10), (left + 102, 162 + way * 10)], ORANGE, 4)
        if key == "centre":
            canvas.box(left + 51, 101, 102, 102, "none", ORANGE, 3, round=0, dash="8 5")
        canvas.text(left + 102, 290, texts[f"{key}_does"], SMALL, GREY)
    return canvas


def ant(canvas: Canvas, x: float, y: float, filled: bool) -> None:
    """An ant from above, lying aslant, as an outline in the colour of masks."""
    for side in (-1, 1):
        for lean in (-1, 0, 1):
            foot = (x + side * 58 + lean * 12, y + lean * 44 - side * 12)
            canvas.line([(x + lean * 4, y + lean * 8), foot], BLUE, 2.5)
    for dx, dy, radius in [(20, -42, 17), (4, -6, 14), (-8, 32, 26)]:
        canvas.circle(x + dx, y + dy, radius, HAIRLINE if filled else "none", BLUE, 2.5)
