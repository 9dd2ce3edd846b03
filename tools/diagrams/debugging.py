"""Lesson 14: from what one sees to the instruments that help, and to the cases of the lesson."""

from diagrams.canvas import Canvas, Texts
from diagrams.style import (
    BLUE,
    DARK_YELLOW,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PALE,
    PALE_BLUE,
    PALE_GREEN,
    PALE_ORANGE,
    PALE_PURPLE,
    PAPER,
    PURPLE,
    SMALL,
    YELLOW,
)

COLUMNS = {  # what one sees -> its colours
    "error": (BLUE, PALE_BLUE),
    "nan": (ORANGE, PALE_ORANGE),
    "impossible": (PURPLE, PALE_PURPLE),
    "score": (GREY, PALE),
    "nothing": (GREEN, PALE_GREEN),
}


def clinic(texts: Texts) -> Canvas:
    canvas = Canvas(360, texts["title"])
    canvas.text(430, 26, texts["question"], 20, bold=True)
    canvas.line([(92, 74), (92, 56), (768, 56), (768, 74)], GREY)
    canvas.line([(430, 42), (430, 56)], GREY)
    for index, (key, (color, pale)) in enumerate(COLUMNS.items()):
        center = 92 + 169 * index
        canvas.arrow([(center, 56), (center, 78)], GREY)
        canvas.box(center - 78, 80, 156, 52, color, None)
        canvas.text(center, 106, texts[key], color=PAPER, bold=True)
        canvas.box(center - 78, 140, 156, 158, pale, color)
        canvas.text(center, 219, texts[f"{key}_do"], SMALL)
        canvas.text(center, 324, texts[f"{key}_where"], SMALL, INK, bold=True)
    back = 92 + 169 * 4 + 64
    canvas.arrow([(back - 12, 256), (back, 256), (back, 184), (back - 12, 184)], YELLOW, 3, bend=6)
    canvas.text(846, 348, texts["again"], SMALL, DARK_YELLOW, "end")
    return canvas
