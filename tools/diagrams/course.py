"""The map of the course, and what train, val and test are for."""

from collections.abc import Sequence

from diagrams.canvas import Canvas, Point
from diagrams.style import (
    BLUE,
    GREEN,
    GREY,
    HAIRLINE,
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
)

Texts = dict[str, str]
PLACES = {  # of the machine: center, colours
    "data": (116, BLUE, PALE_BLUE),
    "network": (356, GREEN, PALE_GREEN),
    "answer": (588, PURPLE, PALE_PURPLE),
    "loss": (776, ORANGE, PALE_ORANGE),
}


def course_map(texts: Texts) -> Canvas:
    """Which lesson works at which place of the machine. A list of lessons has one "number name" a line."""
    canvas = Canvas(470, texts["title"])
    top, height = 74, 62
    for name, (center, color, fill) in PLACES.items():
        width = 136 if name != "loss" else 116
        canvas.box(center - width / 2, top, width, height, fill, color, 2, round=10)
        canvas.text(center, top + height / 2, texts[name], 18, color, bold=True)
        lessons(canvas, center - width / 2 + 4, 188, texts[f"{name}_lessons"], color)
    for start, end in [("data", "network"), ("network", "answer"), ("answer", "loss")]:
        half = 68 if end != "loss" else 58
        ends = [(PLACES[start][0] + 70, top + height / 2), (PLACES[end][0] - half - 4, top + height / 2)]
        canvas.arrow(ends, BLUE, 3)
    canvas.text(236, top + 14, texts["batches"], SMALL, BLUE)
    back: list[Point] = [(776, top - 2), (776, 36), (356, 36), (356, top - 4)]
    canvas.arrow(back, ORANGE, 3, bend=16, dash="8 5")
    canvas.text(566, 20, texts["step"], SMALL, ORANGE)
    canvas.box(24, 376, 812, 72, PALE, HAIRLINE, round=10)
    canvas.text(44, 412, texts["around"], 16, GREY, "start", bold=True)
    x = 220
    for index, line in enumerate(texts["around_lessons"].splitlines()):
        lessons(canvas, x + 205 * (index % 3), 397 + 30 * (index // 3), line, GREY)
    return canvas


def lessons(canvas: Canvas, x: float, y: float, texts: str, color: str) -> None:
    for index, line in enumerate(texts.splitlines()):
        lesson, name = line.split(" ", 1)
        middle = y + 34 * index
        canvas.box(x, middle - 12, 30, 24, color, None, round=12)
        canvas.text(x + 15, middle, lesson, SMALL, PAPER, bold=True)
        canvas.text(x + 38, middle, name, 15, anchor="start")


def train_val_test(texts: Texts) -> Canvas:
    canvas = Canvas(430, texts["title"])
    left, width, top = 30, 800, 30
    parts = [("train", 1 / 2, BLUE, PALE_BLUE, 180), ("val", 1 / 4, GREEN, PALE_GREEN, 520), ("test", 1 / 4, PURPLE, PALE_PURPLE, 740)]
    x = float(left)
    for name, share, color, fill, center in parts:
        canvas.box(x, top, share * width, 62, fill, color, 2, round=0)
        canvas.text(x + share * width / 2, top + 21, texts[name], 17, color, bold=True)
        canvas.text(x + share * width / 2, top + 45, texts[f"{name}_share"], SMALL, GREY)
        x += share * width
        canvas.arrow([(center, 136), (center, 196)], color, 3)
        canvas.text(center + 14, 164, texts[f"{name}_often"], 15, GREY, "start")
        if name == "test":
            drawer(canvas, center, 200, color)
        else:
            canvas.box(center - 92, 200, 184, 76, PAPER, color, 2, round=8)
        canvas.text(center, 238, texts[f"{name}_for"], 16)
    canvas.arrow([(left, 112), (left + width, 112)], GREY, 2)
    canvas.text(left + width / 2, 126, texts["time"], SMALL, GREY)
    canvas.arrow([(520, 280), (520, 340), (180, 340), (180, 281)], INK, 2.5, bend=16)
    canvas.text(350, 322, texts["again"], 15)
    canvas.text(350, 362, texts["such_as"], SMALL, GREY)
    return canvas


def drawer(canvas: Canvas, center: float, top: float, color: str) -> None:
    """A closed one, with a knob and a keyhole."""
    canvas.box(center - 92, top, 184, 76, PAPER, color, 2, round=4)
    canvas.box(center - 84, top + 8, 168, 60, PALE_PURPLE, color, 1.2, round=3)
