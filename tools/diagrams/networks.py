"""Lessons 03 and 04: the multilayer perceptron with its batch, and the small convolutional network drawn to size."""

from math import exp, log

from diagrams.canvas import Canvas, Texts
from diagrams.parts import MINUS, show_digit
from diagrams.style import (
    BLUE,
    GREEN,
    GREY,
    HAIRLINE,
    INK,
    ORANGE,
    PALE_BLUE,
    PALE_ORANGE,
    PALE_PURPLE,
    PAPER,
    PURPLE,
    SMALL,
)

LOGITS = [-1.2, 0.1, 0.8, 4.0, -2.0, 2.6, -1.5, 0.2, 1.4, 0.5]  # an example, of the 3 that is shown
TRUE = 3


def mlp(texts: Texts) -> Canvas:
    canvas = Canvas(482, texts["title"])
    top, height, row = 70, 150, 48
    for back in (3, 2, 1):
        canvas.box(24 + 5 * back, top + 33 - 5 * back, 84, 84, PAPER, HAIRLINE, 1, round=0)
    show_digit(canvas, 24, top + 33, 84)
    canvas.text(66, 244, "(64, 1, 28, 28)", SMALL, BLUE)
    layers = [(784, 178, 157), (128, 430, 32), (256, 562, 60), (10, 722, 24)]
    for index, (width, x, shown) in enumerate(layers):
        fill, color = (PALE_PURPLE, PURPLE) if width == 10 else (PALE_BLUE, BLUE)
        canvas.box(x, top, shown, height, fill, color, 1.5, round=2)
        canvas.box(x, top + row, shown, 9, color, None, round=0)
        canvas.text(x + shown / 2, 244, f"(64, {width})", SMALL, color)
        if index == 0:
            canvas.arrow([(128, top + row + 4), (x - 5, top + row + 4)], GREY, 2.5)
            canvas.text(148, top + row - 14, "flatten", 13, GREY)
            continue
        before, start, wide = layers[index - 1]
        left, right = start + wide + 4, x - 5
        canvas.arrow([(left, top + row + 4), (right, top + row + 4)], GREEN, 2.5)
        canvas.text((left + right) / 2, top + row - 34, f"{before} × {width}\n{texts['weights']}", SMALL, GREEN)
        if width != 10:
            canvas.text((left + right) / 2, top + row + 26, "ReLU", SMALL, GREY)
    canvas.text(256, 30, texts["row"], 15, BLUE)
    canvas.arrow([(200, 42), (200, top + row - 3)], BLUE, 1.8)
    # one row, from logits to loss
    canvas.text(734, 46, texts["logits"], 15, PURPLE, bold=True)
    powers = [exp(score) for score in LOGITS]
    shares = [power / sum(powers) for power in powers]
    canvas.arrow([(752, top + row + 4), (806, top + row + 4), (806, 286), (193, 286), (193, 330)], PURPLE, 2, bend=14)
    bars(canvas, 120, 396, [14 * score for score in LOGITS], 438)
    canvas.text(229, 462, texts["logits"], 15, PURPLE)
    canvas.arrow([(352, 380), (446, 380)], GREY, 2.5)
    canvas.text(399, 362, "softmax", 15)
    bars(canvas, 462, 424, [120 * share for share in shares], 438)
    canvas.text(571, 462, texts["probabilities"], 15, PURPLE)
    canvas.arrow([(690, 380), (756, 380)], ORANGE, 2.5)
    canvas.text(720, 362, f"{MINUS}ln {shares[TRUE]:.2f}", 15, ORANGE)
    canvas.box(762, 352, 74, 56, PALE_ORANGE, ORANGE, 2)
    canvas.text(799, 380, f"{-log(shares[TRUE]):.2f}", 19, bold=True)
    canvas.text(799, 428, texts["loss"], 17, ORANGE, bold=True)
    return canvas


def bars(canvas: Canvas, x: float, base: float, heights: list[float], names: float) -> None:
    """One bar for each of the ten digits, the true one strong; `names` is where their names stand."""
    for digit, height in enumerate(heights):
        fill = PURPLE if digit == TRUE else "#DDB9CF"
        canvas.box(x + 22 * digit, base - max(height, 0), 16, max(abs(height), 1), fill, None, round=0)
        color = INK if digit == TRUE else GREY
        canvas.text(x + 22 * digit + 8, names, str(digit), SMALL, color, bold=digit == TRUE)
    canvas.line([(x - 4, base), (x + 22 * 10 - 2, base)], GREY, 1)


def small_cnn(texts: Texts) -> Canvas:
    canvas = Canvas(300, texts["title"])
    pixel, depth, base = 4, 1.7, 170
    show_digit(canvas, 24, base - 112, 112)
    canvas.text(80, base + 24, "1 × 28 × 28", SMALL, BLUE)
    x = 24.0 + 112
    for stage, (channels, side) in enumerate([(16, 14), (32, 7), (64, 3)], start=1):
        canvas.arrow([(x + 10, base - 14), (x + 72, base - 14)], GREEN, 2.5)
        canvas.text(x + 41, base - 36, texts["stage"].format(stage), SMALL, GREEN, bold=True)
        x += 82
        for back in reversed(range(channels)):
            canvas.box(
                x + back * depth,
                base - pixel * side - back * depth,
                pixel * side,
                pixel * side,
                PALE_BLUE,
                "#6FA9D2",
                1,
                round=0,
            )
        canvas.text(x + pixel * side / 2 + 12, base + 24, f"{channels} × {side} × {side}", SMALL, BLUE)
        x += pixel * side + (depth * channels if stage < 3 else 0)
    canvas.arrow([(x + 52, base - 46), (x + 126, base - 46)], GREY, 2.5)
    canvas.text(x + 46, base - 18, texts["mean"], SMALL, GREY, "start")
    x += 136
    canvas.box(x, base - 128, 12, 128, PALE_BLUE, BLUE, 1, round=0)
    for number in range(1, 64):
        canvas.line([(x, base - 2 * number), (x + 12, base - 2 * number)], BLUE, 0.4)
    canvas.text(x + 6, base + 24, "64", SMALL, BLUE)
    canvas.arrow([(x + 22, base - 64), (x + 86, base - 64)], GREEN, 2.5)
    canvas.text(x + 53, base - 84, "Linear", SMALL, GREEN, bold=True)
    x += 96
    for number in range(10):
        place = base - 124 + 12 * number
        canvas.box(x, place, 12, 12, PURPLE if number == TRUE else PALE_PURPLE, PURPLE, 1, round=0)
    canvas.text(x + 18, base - 124 + 42, "3", 15, PURPLE, "start", bold=True)
    canvas.text(x + 6, base + 24, f"10 {texts['logits']}", SMALL, PURPLE)
    canvas.text(430, 262, texts["a_stage"], 15, GREEN)
    return canvas
