"""Lesson 04: what a convolution does, and what stride, padding and pooling change."""

from diagrams.canvas import Canvas, Texts
from diagrams.parts import MINUS, cells, numbers, signed
from diagrams.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    LIGHT_BLUE,
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

FILTER = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]  # as in the lesson
PICTURE = [[0, 0, 0, 1, 1, 1]] * 4
CELL, TOP, BOTTOM = 32, 62, 288  # of the pictures and maps of `convolution`


def convolve() -> list[list[int]]:
    """The map that `FILTER` makes of `PICTURE`."""
    return [
        [
            sum(FILTER[i][j] * PICTURE[row + i][column + j] for i in range(3) for j in range(3))
            for column in range(len(PICTURE[0]) - 2)
        ]
        for row in range(len(PICTURE) - 2)
    ]


def convolution(texts: Texts) -> Canvas:
    canvas = Canvas(376, texts["title"])
    canvas.text(76, 32, texts["filter"], bold=True, color=GREEN)
    cells(canvas, 28, TOP, CELL, 3, 3, PALE_GREEN, GREEN)
    numbers(canvas, 28, TOP, CELL, [[signed(weight) for weight in row] for row in FILTER], GREEN)
    canvas.text(76, 178, texts["nine_weights"], SMALL, GREY)
    canvas.text(28, BOTTOM + CELL, texts["map"], bold=True, color=BLUE, anchor="start")
    for left, row, column, key in [(174, 0, 0, "first"), (406, 0, 1, "second"), (638, 1, 3, "last")]:
        canvas.text(left + 3 * CELL, 32, texts[key], bold=True)
        step(canvas, left, row, column, texts[f"{key}_sum"])
    return canvas


def step(canvas: Canvas, left: float, row: int, column: int, calculation: str) -> None:
    """The window at its place on the picture, and the map as far as it is done."""

    def covered(i: int, j: int) -> bool:
        return row <= i < row + 3 and column <= j < column + 3

    def done(i: int, j: int) -> bool:
        return (i, j) <= (row, column)

    x, y = left + column * CELL, TOP + row * CELL
    cells(canvas, left, TOP, CELL, 4, 6, lambda i, j: LIGHT_BLUE if PICTURE[i][j] else PAPER)
    pixels = [["" if covered(i, j) else str(PICTURE[i][j]) for j in range(6)] for i in range(4)]
    numbers(canvas, left, TOP, CELL, pixels, GREY)
    numbers(canvas, x, y, CELL, [[signed(weight) for weight in weights] for weights in FILTER], GREEN)
    canvas.box(x, y, 3 * CELL, 3 * CELL, "none", GREEN, 3.5, round=2)
    result = convolve()
    shade = {0: PAPER, 4: LIGHT_BLUE}
    cells(canvas, left + CELL, BOTTOM, CELL, 2, 4, lambda i, j: shade[result[i][j]] if done(i, j) else PALE)
    written = [[str(result[i][j]) if done(i, j) else "" for j in range(4)] for i in range(2)]
    numbers(canvas, left + CELL, BOTTOM, CELL, written)
    canvas.box(x + CELL, BOTTOM + row * CELL, CELL, CELL, "none", YELLOW, 3.5, round=2)
    if row == 0:  # the map lies so that its number is right below the middle of the window
        canvas.arrow([(x + 1.5 * CELL, 208), (x + 1.5 * CELL, BOTTOM - 5)], YELLOW, 2.5)
        canvas.text(x + 1.5 * CELL + 12, 244, calculation, 15, anchor="start")
    else:
        right, low = x + 3 * CELL + 18, BOTTOM + 1.5 * CELL
        way = [(right - 15, y + 1.5 * CELL), (right, y + 1.5 * CELL), (right, low), (x + 2 * CELL + 5, low)]
        canvas.arrow(way, YELLOW, 2.5, bend=10)
        canvas.text(left + 3 * CELL, 244, calculation, 15)


def output_size(n: int, kernel: int, stride: int, padding: int) -> int:
    return (n + 2 * padding - kernel) // stride + 1


def formula(n: int, kernel: int, stride: int, padding: int) -> str:
    padded = f" + 2·{padding}" if padding else ""
    return f"({n}{padded} {MINUS} {kernel}) / {stride} + 1 = {output_size(n, kernel, stride, padding)}"


def stride_padding_pooling(texts: Texts) -> Canvas:
    canvas = Canvas(496, texts["title"])
    panels = {"padding": (5, 3, 1, 1), "stride": (5, 3, 2, 0), "pooling": (4, 2, 2, 0)}
    for center, (key, settings) in zip([150, 430, 710], panels.items()):
        canvas.text(center, 26, texts[key], bold=True, size=17)
        canvas.arrow([(center, 256), (center, 285)], GREY)
        canvas.text(center, 450, formula(*settings), 15)
        canvas.text(center, 473, texts[f"{key}_does"], SMALL, GREY)
    padding(canvas, 150, 28)
    stride(canvas, 430, 28, texts["two"])
    pooling(canvas, 710, 34)
    return canvas


def padding(canvas: Canvas, center: float, size: float) -> None:
    """A frame of zeros."""
    left, top = center - 3.5 * size, 148 - 3.5 * size
    framed = lambda i, j: i in (0, 6) or j in (0, 6)  # noqa: E731
    cells(canvas, left, top, size, 7, 7, lambda i, j: PALE if framed(i, j) else PALE_BLUE)
    numbers(canvas, left, top, size, [["0" if framed(i, j) else "" for j in range(7)] for i in range(7)], GREY)
    canvas.box(left + size, top + size, 5 * size, 5 * size, "none", BLUE, 2, round=0)
    canvas.box(left, top, 3 * size, 3 * size, "none", GREEN, 3.5, round=2)
    result(canvas, center, 292, size, 5)


def stride(canvas: Canvas, center: float, size: float, words: str) -> None:
    """A window that jumps by two."""
    left, top = center - 2.5 * size, 148 - 2.5 * size
    cells(canvas, left, top, size, 5, 5, PALE_BLUE)
    canvas.box(left, top, 5 * size, 5 * size, "none", BLUE, 2, round=0)
    for column in (0, 2):
        dash = "7 4" if column else None
        canvas.box(left + column * size, top, 3 * size, 3 * size, "none", GREEN, 3.5, round=2, dash=dash)
    canvas.arrow([(left + 4, top - 16), (left + 2 * size + 4, top - 16)], GREEN, 2.5)
    canvas.text(left + 2 * size + 12, top - 16, words, SMALL, GREEN, "start")
    result(canvas, center, 292, size, 2)
    canvas.box(center, 292, size, size, "none", GREEN, 3.5, round=2, dash="7 4")


def pooling(canvas: Canvas, center: float, size: float) -> None:
    """The largest of four."""
    table = [[1, 0, 2, 3], [4, 6, 1, 8], [3, 1, 0, 2], [0, 2, 4, 1]]
    largest = [[max(table[i + a][j + b] for a in (0, 1) for b in (0, 1)) for j in (0, 2)] for i in (0, 2)]
    tints, edges = [[PALE_BLUE, PALE_ORANGE], [PALE_GREEN, PALE_PURPLE]], [[BLUE, ORANGE], [GREEN, PURPLE]]
    left, top, bottom = center - 2 * size, 148 - 2 * size, 292
    cells(canvas, left, top, size, 4, 4, lambda i, j: tints[i // 2][j // 2])
    kept = lambda i, j: table[i][j] == largest[i // 2][j // 2]  # noqa: E731
    for bold in (False, True):
        chosen = [[str(table[i][j]) if kept(i, j) == bold else "" for j in range(4)] for i in range(4)]
        numbers(canvas, left, top, size, chosen, INK if bold else GREY, bold)
    for i in range(2):
        for j in range(2):
            x, y, edge = center + (j - 1) * size, bottom + i * size, edges[i][j]
            canvas.box(left + 2 * size * j, top + 2 * size * i, 2 * size, 2 * size, "none", edge, 2, round=0)
            canvas.box(x, y, size, size, tints[i][j], edge, 2, round=0)
            canvas.text(x + size / 2, y + size / 2, str(largest[i][j]), 15, bold=True)


def result(canvas: Canvas, center: float, top: float, size: float, side: int) -> None:
    """A map of `side` by `side`, the number that the window at its first place gives marked."""
    left = center - side * size / 2
    cells(canvas, left, top, size, side, side, lambda i, j: PALE_GREEN if i == j == 0 else PAPER)
    canvas.box(left, top, side * size, side * size, "none", BLUE, 2, round=0)
    canvas.box(left, top, size, size, "none", GREEN, 3.5, round=2)
