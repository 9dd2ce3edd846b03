"""The map of the course, and what train, val and test are for."""

from diagrams.canvas import Canvas, Point, Texts
from diagrams.pictures import define_flower, show_flower
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

PLACES = {  # of the machine: center, colours
    "data": (94, BLUE, PALE_BLUE),
    "network": (318, GREEN, PALE_GREEN),
    "answer": (542, PURPLE, PALE_PURPLE),
    "loss": (766, ORANGE, PALE_ORANGE),
}


def course_map(texts: Texts) -> Canvas:
    """Which lesson works at which place of the machine. A list of lessons has one "number name" a line."""
    canvas = Canvas(500, texts["title"])
    define_flower(canvas)
    top, height, half = 62, 112, 70
    for name, (center, color, fill) in PLACES.items():
        canvas.box(center - half, top, 2 * half, height, fill, color, 2, round=10)
        canvas.text(center, top + 94, texts[name], 17, color, bold=True)
        lessons(canvas, center - half, 206, texts[f"{name}_lessons"], color)
    for start, end in zip(PLACES, list(PLACES)[1:]):
        ends = [(PLACES[start][0] + half + 4, top + height / 2), (PLACES[end][0] - half - 4, top + height / 2)]
        canvas.arrow(ends, BLUE, 3)
    icons(canvas, top + 44)
    second, last = PLACES["network"][0], PLACES["loss"][0]
    back_way: list[Point] = [(last, top - 3), (last, 34), (second, 34), (second, top - 4)]
    canvas.arrow(back_way, ORANGE, 3, bend=14, dash="8 5")
    canvas.text((second + last) / 2, 16, texts["step"], 15, ORANGE)
    canvas.box(24, 404, 812, 76, PALE, HAIRLINE, round=10)
    canvas.text(44, 442, texts["around"], 16, GREY, "start", bold=True)
    for index, line in enumerate(texts["around_lessons"].splitlines()):
        lessons(canvas, 210 + 210 * (index % 3), 426 + 32 * (index // 3), line, GREY)
    return canvas


def icons(canvas: Canvas, y: float) -> None:
    """Pictures, a network, bars of probabilities, and a way downhill."""
    first, second, third, last = (center for center, _, _ in PLACES.values())
    for back in (2, 1, 0):
        show_flower(canvas, first - 42 + 10 * back, y - 24 - 5 * back, 62, 52, (430, 360))
    dots = [[(second - 40, y - 18 + 18 * i) for i in range(3)], [(second, y - 27 + 18 * i) for i in range(4)],
            [(second + 40, y - 9 + 18 * i) for i in range(2)]]  # fmt: skip
    for left, right in zip(dots, dots[1:]):
        for start_dot in left:
            for end_dot in right:
                canvas.line([start_dot, end_dot], GREEN, 0.8)
    for dot in sum(dots, []):
        canvas.circle(*dot, 6, PAPER, GREEN, 2)
    for index, share in enumerate([0.92, 0.3, 0.12]):
        color = PURPLE if share > 0.5 else "#D9AFC8"
        canvas.box(third - 50, y - 26 + 20 * index, 100, 12, PAPER, None, round=0)
        canvas.box(third - 50, y - 26 + 20 * index, 100 * share, 12, color, None, round=0)
    rise = [(i - 14) ** 2 * (0.25 if i < 14 else 0.1) for i in range(25)]
    curve = [(last - 48 + 4 * i, y + 24 - rise[i]) for i in range(25)]
    canvas.line(curve, ORANGE, 2.5)
    canvas.circle(curve[4][0] + 5, curve[4][1] - 4, 6, ORANGE)
    canvas.arrow([(curve[4][0] + 14, curve[4][1] + 2), (curve[9][0] + 6, curve[9][1] - 8)], ORANGE, 2)


def lessons(canvas: Canvas, x: float, y: float, texts: str, color: str) -> None:
    for index, line in enumerate(texts.splitlines()):
        lesson, name = line.split(" ", 1)
        middle = y + 34 * index
        canvas.box(x, middle - 12, 30, 24, color, None, round=12)
        canvas.text(x + 15, middle, lesson, SMALL, PAPER, bold=True)
        canvas.text(x + 38, middle, name, 15, anchor="start")


def train_val_test(texts: Texts) -> Canvas:
    canvas = Canvas(384, texts["title"])
    left, width, top = 30, 800, 30
    parts = [("train", 1 / 2, BLUE, PALE_BLUE, 180), ("val", 1 / 4, GREEN, PALE_GREEN, 520)]
    parts += [("test", 1 / 4, PURPLE, PALE_PURPLE, 740)]
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
        canvas.text(center, 238 if name != "test" else 231, texts[f"{name}_for"], 16)
    canvas.arrow([(left, 112), (left + width, 112)], GREY, 2)
    canvas.text(left + width / 2, 126, texts["time"], SMALL, GREY)
    canvas.arrow([(520, 280), (520, 340), (180, 340), (180, 281)], INK, 2.5, bend=16)
    canvas.text(350, 322, texts["again"], 15)
    canvas.text(350, 362, texts["such_as"], SMALL, GREY)
    return canvas


def drawer(canvas: Canvas, center: float, top: float, color: str) -> None:
    """A closed one, with its handle."""
    canvas.box(center - 92, top, 184, 76, PAPER, color, 2, round=4)
    canvas.box(center - 84, top + 8, 168, 60, PALE_PURPLE, color, 1.2, round=3)
    canvas.box(center - 22, top + 57, 44, 7, color, None, round=3)
