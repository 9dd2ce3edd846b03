"""Lesson 02: the graph of a small loss, values on the way forward, gradients on the way back."""

from diagrams.canvas import Canvas, Texts
from diagrams.parts import MINUS, signed
from diagrams.style import BLUE, GREEN, GREY, INK, ORANGE, PALE, PALE_BLUE, PALE_GREEN, PALE_ORANGE, SMALL


def autograd(texts: Texts) -> Canvas:
    canvas = Canvas(322, texts["title"])
    w, x, y = 3, 2, 10  # as in the lesson
    prediction = w * x
    miss = prediction - y
    loss = miss**2
    d_miss = 2 * miss
    d_w = d_miss * x
    row = 146
    times, minus, square, end = 270, 474, 668, 804
    leaf(canvas, 84, 72, "w", signed(w), GREEN, PALE_GREEN)
    leaf(canvas, 84, 232, "x", signed(x), GREY, PALE)
    for center, sign in [(times, "×"), (minus, f"{MINUS} {y}"), (square, "( )²")]:
        canvas.circle(center, row, 30, PALE_BLUE, BLUE, 2)
        canvas.text(center, row, sign, 24 if sign == "×" else 18, BLUE, bold=True)
    canvas.box(end - 36, row - 30, 72, 60, PALE_ORANGE, ORANGE, 2)
    canvas.text(end, row, signed(loss), 20, bold=True)
    forward(canvas, [(134, 64), (196, 64), (times - 16, row - 31)])
    forward(canvas, [(134, 232), (196, 232), (times - 19, row + 29)])
    ends = [(times, minus, prediction, d_miss, "prediction"), (minus, square, miss, d_miss, "miss")]
    for start, stop, value, gradient, key in [*ends, (square, end - 4, loss, 1, "")]:
        left, right = start + 33, stop - 33
        forward(canvas, [(left, row - 8), (right, row - 8)])
        back(canvas, [(right, row + 9), (left, row + 9)])
        middle = (left + right) / 2
        if key:
            canvas.text(middle, row - 27, signed(value), 19, BLUE, bold=True)
            canvas.text(middle, row - 52, texts[key], 15, GREY)
        canvas.text(middle, row + 30, signed(gradient), 19, ORANGE, bold=True)
    canvas.text(end, row - 52, texts["loss"], 15, GREY)
    back(canvas, [(times - 32, row - 6), (186, row - 6), (122, 104)])
    canvas.text(180, 160, signed(d_w), 19, ORANGE, bold=True)
    canvas.text(84, 124, "w.grad", 16, ORANGE, mono=True)
    for center, key in [(times, "times_rule"), (minus, "minus_rule"), (square, "square_rule")]:
        canvas.text(center, row + 74, texts[key], SMALL, ORANGE)
    forward(canvas, [(330, 288), (380, 288)])
    canvas.text(390, 288, texts["forward"], 15, BLUE, "start")
    back(canvas, [(620, 288), (570, 288)])
    canvas.text(630, 288, texts["back"], 15, ORANGE, "start")
    return canvas


def leaf(canvas: Canvas, x: float, y: float, name: str, value: str, color: str, fill: str) -> None:
    canvas.box(x - 46, y - 28, 92, 56, fill, color, 2)
    canvas.text(x, y, f"{name} = {value}", 19, INK, bold=True)


def forward(canvas: Canvas, points: list[tuple[float, float]]) -> None:
    canvas.arrow(points, BLUE, 2.5, bend=24)


def back(canvas: Canvas, points: list[tuple[float, float]]) -> None:
    canvas.arrow(points, ORANGE, 2.5, bend=24, dash="6 4")
