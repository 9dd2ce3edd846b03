"""Lesson 17: from the picture to the class token, one token that looks around, the block."""

from diagrams.canvas import Canvas, Texts
from diagrams.parts import digit, grey_png, show_digit
from diagrams.style import (
    BLUE,
    DARK_YELLOW,
    GREEN,
    GREY,
    HAIRLINE,
    INK,
    PALE,
    PALE_BLUE,
    PALE_GREEN,
    PALE_PURPLE,
    PAPER,
    PURPLE,
    SMALL,
    YELLOW,
)

GRID, PATCH = 4, 7  # patches along a side of the digit, and pixels along a side of a patch


def patch(canvas: Canvas, x: float, y: float, side: float, index: int, edge: str = HAIRLINE) -> None:
    """The patch of the digit with that number, row by row from 0."""
    row, column = (PATCH * place for place in divmod(index, GRID))
    canvas.png(x, y, side, grey_png([line[column : column + PATCH] for line in digit()[row : row + PATCH]]))
    canvas.box(x, y, side, side, "none", edge, 1, round=0)


def vision_transformer(texts: Texts) -> Canvas:
    """Patches become tokens, a class token joins them, blocks let them exchange, and the head reads the class token."""
    canvas = Canvas(430, texts["title"])
    side, left, top = 148, 20, 150
    show_digit(canvas, left, top, side)
    for place in range(1, GRID):
        at = place * side / GRID
        canvas.line([(left + at, top), (left + at, top + side)], YELLOW, 2)
        canvas.line([(left, top + at), (left + side, top + at)], YELLOW, 2)
    canvas.text(left + side / 2, top + side + 24, texts["picture"], SMALL, GREY)
    step, first, x = 21.5, 30.0, 208.0
    canvas.arrow([(left + side + 6, top + side / 2), (x - 8, top + side / 2)], BLUE, 2.5)
    for token in range(GRID * GRID + 1):
        y = first + token * step
        if token:
            patch(canvas, x, y, 18, token - 1)
            canvas.arrow([(x + 21, y + 9), (x + 62, y + 9)], GREEN, 1.5)
        fill, edge = (PALE_BLUE, BLUE) if token else ("#FBE7BF", YELLOW)
        canvas.box(x + 64, y, 92, 18, fill, edge, 1.5, round=3)
        canvas.text(x + 172, y + 9, "+", 15, GREEN, bold=True)
        canvas.box(x + 186, y + 3, 40, 12, PALE_GREEN, GREEN, 1, round=3)
        canvas.text(x + 206, y + 9, str(token), 13, GREEN)
        canvas.line([(x + 226, y + 9), (x + 262, y + 9)], BLUE if token else YELLOW, 1.5 if token else 3)
        canvas.line([(x + 406, y + 9), (x + 428, y + 9)], BLUE if token else YELLOW, 1.5 if token else 3)
    canvas.text(x + 110, first + 9, texts["class"], 13, DARK_YELLOW, bold=True)
    bottom = first + 17 * step + 14
    canvas.text(x + 41, bottom, texts["linear"], SMALL, GREEN)
    canvas.text(x + 110, bottom, texts["tokens"], SMALL, BLUE)
    canvas.text(x + 206, bottom, texts["positions"], SMALL, GREEN)
    canvas.box(x + 262, first - 12, 144, 17 * step + 12, PALE_GREEN, GREEN)
    canvas.text(x + 334, first + 8.5 * step - 26, texts["encoder"], 17, bold=True)
    canvas.text(x + 334, first + 8.5 * step + 16, texts["blocks"], SMALL, GREY)
    canvas.text(x + 334, bottom, texts["same"], SMALL, GREY)
    y = first + 9
    canvas.arrow([(x + 428, y), (x + 476, y)], YELLOW, 3)
    canvas.box(x + 478, y - 19, 68, 38, PALE_PURPLE, PURPLE)
    canvas.text(x + 512, y, texts["head"], bold=True)
    canvas.arrow([(x + 512, y + 20), (x + 512, y + 58)], PURPLE, 2.5)
    canvas.text(x + 512, y + 74, texts["logits"], SMALL, PURPLE)
    canvas.text(x + 440, y + 200, texts["unread"], SMALL, GREY, "start")
    return canvas


WEIGHTS = {0: 0.03, 1: 0.14, 2: 0.06, 5: 0.06, 6: 0.24, 10: 0.20, 13: 0.12, 14: 0.09}  # an example; the rest share


def attention(texts: Texts) -> Canvas:
    """One token asks, all tokens answer with a key, and what they offer is averaged with the weights."""
    canvas = Canvas(396, texts["title"])
    rest = (1 - sum(WEIGHTS.values())) / (GRID * GRID - len(WEIGHTS))
    weights = [WEIGHTS.get(index, rest) for index in range(GRID * GRID)]
    side, left, top, asking = 56.0, 24.0, 62.0, 9
    canvas.text(left + 2 * side, 26, texts["look"], 17, bold=True)
    show_digit(canvas, left, top, GRID * side, HAIRLINE)
    center = [(left + (i % GRID + 0.5) * side, top + (i // GRID + 0.5) * side) for i in range(GRID * GRID)]
    for index, weight in enumerate(weights):
        x, y = center[index]
        canvas.box(x - side / 2, y - side / 2, side, side, YELLOW, HAIRLINE, 1, round=0, opacity=min(1, 3.2 * weight))
    for index, weight in enumerate(weights):
        if index != asking and weight > 0.05:
            canvas.line([center[index], center[asking]], PURPLE, 26 * weight)
            canvas.circle(*center[index], 4.5, PURPLE)
    x, y = center[asking]
    canvas.circle(x, y, 10, PAPER, PURPLE, 4)
    canvas.box(x - side / 2, y - side / 2, side, side, "none", PURPLE, 4, round=0)
    canvas.text(left + 2 * side, top + GRID * side + 34, texts["example"], SMALL, GREY)
    rows, x = [6, 10, 1, 13], 330.0
    canvas.box(x, 70, 84, 40, PALE_PURPLE, PURPLE)
    canvas.text(x + 42, 90, texts["query"], bold=True)
    canvas.text(x + 42, 26, texts["asks"], 17, bold=True)
    canvas.text(x + 190, 26, texts["match"], 17, bold=True)
    canvas.text(x + 410, 26, texts["take"], 17, bold=True)
    for place, index in enumerate(rows):
        y = 132 + place * 54
        patch(canvas, x + 96, y - 16, 32, index)
        canvas.box(x + 136, y - 16, 60, 32, PALE_GREEN, GREEN)
        canvas.text(x + 166, y, texts["key"])
        canvas.arrow([(x + 42, 110), (x + 42, y), (x + 92, y)], PURPLE, 1.5, bend=10)
        canvas.text(x + 246, y, f"{weights[index]:.2f}", 17, DARK_YELLOW, bold=True)
        canvas.box(x + 276, y - 16, 60, 32, PALE_BLUE, BLUE)
        canvas.text(x + 306, y, texts["value"])
        canvas.arrow([(x + 338, y), (x + 424, 212)], BLUE, 24 * weights[index])
    canvas.text(x + 166, 338, texts["others"], SMALL, GREY)
    canvas.text(x + 246, 338, "…", 17, DARK_YELLOW, bold=True)
    canvas.text(x + 246, 364, texts["one"], SMALL, DARK_YELLOW)
    canvas.circle(x + 442, 212, 17, PAPER, INK)
    canvas.text(x + 442, 212, "+", 22, bold=True)
    canvas.arrow([(x + 442, 229), (x + 442, 282)], BLUE, 2.5)
    canvas.text(x + 442, 306, texts["new"], SMALL, BLUE)
    return canvas


def encoder_block(texts: Texts) -> Canvas:
    """Two residual parts: tokens exchange, then each of them alone goes through the same small network."""
    canvas = Canvas(246, texts["title"])
    y, wide, high = 146.0, 112.0, 54.0
    canvas.text(24, y, "x", 18, BLUE, bold=True)
    starts = {"exchange": ("LayerNorm", texts["attention"]), "think": ("LayerNorm", "MLP")}
    for start, (key, names) in zip([80.0, 466.0], starts.items()):
        canvas.box(start - 12, y - 48, 282, 110, "#F7FAFC", HAIRLINE, 1.2, dash="4 4")
        canvas.text(start + 129, y + 80, texts[key], SMALL, GREY)
        canvas.line([(start - 44, y), (start + 300, y)], BLUE, 2.5)
        way = [(start - 28, y), (start - 28, 54), (start + 300, 54), (start + 300, y - 18)]
        canvas.arrow(way, YELLOW, 4, bend=22)
        canvas.circle(start - 28, y, 4.5, YELLOW)
        canvas.text(start + 136, 32, texts["shortcut"], SMALL, DARK_YELLOW)
        for x, name in zip([start, start + 146], names):
            norm = name == "LayerNorm"
            canvas.box(x, y - high / 2, wide, high, PALE if norm else PALE_GREEN, GREY if norm else GREEN)
            canvas.text(x + wide / 2, y, name, 15, bold=not norm)
        canvas.circle(start + 300, y, 16, PAPER, INK)
        canvas.text(start + 300, y, "+", 22, bold=True)
        canvas.arrow([(start + 316, y), (start + (342 if key == "exchange" else 374), y)], BLUE, 2.5)
    return canvas
