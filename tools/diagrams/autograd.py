"""Lesson 02: the graph of a small loss, values on the way forward, gradients on the way back."""

from diagrams.canvas import Canvas
from diagrams.style import BLUE, GREEN, GREY, INK, ORANGE, PALE, PALE_BLUE, PALE_GREEN, PALE_ORANGE, SMALL

Texts = dict[str, str]
MINUS = "\N{MINUS SIGN}"


def signed(value: float) -> str:
    return f"{value:g}".replace("-", MINUS)


def autograd(texts: Texts) -> Canvas:
    canvas = Canvas(340, texts["title"])
    w, x, y = 3, 2, 10  # as in the lesson
    prediction = w * x
    miss = prediction - y
    loss = miss**2
    d_miss = 2 * miss
    d_w = d_miss * x
    row = 176
    xs = {"times": 270, "minus": 480, "square": 670}
    # leaves
    leaf(canvas, 86, 110, "w", signed(w), GREEN, PALE_GREEN)
    leaf(canvas, 86, 262, "x", signed(x), GREY, PALE)
    leaf(canvas, 480, 56, "y", signed(y), GREY, PALE)
    for name, sign in [("times", "×"), ("minus", MINUS), ("square", "( )²")]:
        canvas.circle(xs[name], row, 27, PALE_BLUE, BLUE, 2)
        canvas.text(xs[name], row, sign, 22 if name != "square" else 19, bold=True, color=BLUE)
    canvas.box(780, row - 30, 62, 60, PALE_ORANGE, ORANGE, 2)
    canvas.text(811, row - 48, texts["loss"], 17, ORANGE, bold=True)
    canvas.text(811, row, signed(loss), 20, bold=True)
    # forward, above
    forward(canvas, [(134, 106), (200, 106), (248, row - 17)])
    forward(canvas, [(134, 262), (200, 262), (250, row + 22)])
    forward(canvas, [(480, 88), (480, row - 31)])
    for name, after, value in [("times", "minus", prediction), ("minus", "square", miss)]:
        forward(canvas, [(xs[name] + 29, row - 8), (xs[after] - 30, row - 8)])
        canvas.text((xs[name] + xs[after]) / 2, row - 27, signed(value), 19, BLUE, bold=True)
    forward(canvas, [(xs["square"] + 29, row - 8), (776, row - 8)])
    # back, below
    back(canvas, [(776, row + 10), (xs["square"] + 30, row + 10)])
    canvas.text(738, row + 31, "1", 19, ORANGE, bold=True)
    back(canvas, [(xs["square"] - 29, row + 10), (xs["minus"] + 30, row + 10)])
    canvas.text((xs["square"] + xs["minus"]) / 2, row + 31, signed(d_miss), 19, ORANGE, bold=True)
    back(canvas, [(xs["minus"] - 29, row + 10), (xs["times"] + 30, row + 10)])
    canvas.text((xs["minus"] + xs["times"]) / 2, row + 31, signed(d_miss), 19, ORANGE, bold=True)
    back(canvas, [(xs["times"] - 29, row - 2), (200, row - 2), (137, 128)])
    canvas.text(176, 178, signed(d_w), 19, ORANGE, bold=True)
    for name, key in [("times", "times_rule"), ("minus", "minus_rule"), ("square", "square_rule")]:
        canvas.text(xs[name], row + 66, texts[key], SMALL, GREY)
    canvas.text(86, 182, "w.grad", 15, ORANGE, mono=True)
    # legend
    forward(canvas, [(500, 308), (540, 308)])
    canvas.text(550, 308, texts["forward"], 15, BLUE, "start")
    back(canvas, [(720, 308), (680, 308)])
    canvas.text(730, 308, texts["back"], 15, ORANGE, "start")
    return canvas


def leaf(canvas: Canvas, x: float, y: float, name: str, value: str, color: str, fill: str) -> None:
    canvas.box(x - 46, y - 28, 92, 56, fill, color, 2)
    canvas.text(x, y, f"{name} = {value}", 19, INK, bold=True)


def forward(canvas: Canvas, points: list[tuple[float, float]]) -> None:
    canvas.arrow(points, BLUE, 2.5, bend=24)


def back(canvas: Canvas, points: list[tuple[float, float]]) -> None:
    canvas.arrow(points, ORANGE, 2.5, bend=24, dash="6 4")
