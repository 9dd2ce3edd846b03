"""Lesson 04: what a convolution does, what stride, padding and pooling change, how far a number of a map can see."""

from diagrams.canvas import Canvas, Texts
from diagrams.parts import MINUS, cells, numbers, show_digit, signed
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
    YELLOW,
)

FILTER = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]  # as in the lesson
PICTURE = [[0, 0, 0, 1, 1, 1]] * 4
INKED = "#9CC7E4"


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
    size, top, bottom = 32, 62, 288
    weights = [[signed(weight) for weight in row] for row in FILTER]
    canvas.text(76, 32, texts["filter"], bold=True, color=GREEN)
    cells(canvas, 28, top, size, 3, 3, PALE_GREEN, GREEN)
    numbers(canvas, 28, top, size, weights, color=GREEN)
    canvas.text(76, 178, texts["nine_weights"], SMALL, GREY)
    result = convolve()
    steps = [(0, 0, "first"), (0, 1, "second"), (1, 3, "last")]
    for panel, (row, column, key) in enumerate(steps):
        left = 174 + panel * 232
        x, y = left + column * size, top + row * size
        canvas.text(left + 96, 32, texts[key], bold=True)
        cells(canvas, left, top, size, 4, 6, lambda i, j: INKED if PICTURE[i][j] else PAPER)
        covered = lambda i, j: row <= i < row + 3 and column <= j < column + 3  # noqa: B023, E731
        plain = [["" if covered(i, j) else str(PICTURE[i][j]) for j in range(6)] for i in range(4)]
        numbers(canvas, left, top, size, plain, color=GREY)
        numbers(canvas, x, y, size, weights, color=GREEN)
        canvas.box(x, y, 3 * size, 3 * size, "none", GREEN, 3.5, round=2)
        done = [(i, j) for i in range(2) for j in range(4) if (i, j) <= (row, column)]
        shade = lambda i, j: PALE if (i, j) not in done else INKED if result[i][j] else PAPER  # noqa: B023, E731
        cells(canvas, left + size, bottom, size, 2, 4, shade)
        written = [[str(result[i][j]) if (i, j) in done else "" for j in range(4)] for i in range(2)]
        numbers(canvas, left + size, bottom, size, written)
        canvas.box(x + size, bottom + row * size, size, size, "none", YELLOW, 3.5, round=2)
        if row == 0:  # the map lies so that its number is right below the middle of the window
            canvas.arrow([(x + 1.5 * size, 208), (x + 1.5 * size, bottom - 5)], YELLOW, 2.5)
            canvas.text(x + 1.5 * size + 12, 244, texts[f"{key}_sum"], 15, anchor="start")
        else:
            way = [(x + 3 * size + 3, y + 48), (x + 3 * size + 18, y + 48), (x + 3 * size + 18, bottom + 1.5 * size)]
            canvas.arrow([*way, (x + 2 * size + 5, bottom + 1.5 * size)], YELLOW, 2.5, bend=10)
            canvas.text(left + 96, 244, texts[f"{key}_sum"], 15)
    canvas.text(28, bottom + size, texts["map"], bold=True, color=BLUE, anchor="start")
    return canvas


def output_size(n: int, kernel: int, stride: int, padding: int) -> int:
    return (n + 2 * padding - kernel) // stride + 1


def formula(n: int, kernel: int, stride: int, padding: int) -> str:
    padded = f" + 2·{padding}" if padding else ""
    return f"({n}{padded} {MINUS} {kernel}) / {stride} + 1 = {output_size(n, kernel, stride, padding)}"


def stride_padding_pooling(texts: Texts) -> Canvas:
    canvas = Canvas(496, texts["title"])
    size, middle, bottom = 28, 148, 292
    panels = {"padding": (5, 3, 1, 1), "stride": (5, 3, 2, 0), "pooling": (4, 2, 2, 0)}
    for panel, (key, settings) in enumerate(panels.items()):
        center = 150 + panel * 280
        canvas.text(center, 26, texts[key], bold=True, size=17)
        canvas.arrow([(center, 256), (center, bottom - 7)], GREY)
        canvas.text(center, 450, formula(*settings), 15)
        canvas.text(center, 473, texts[f"{key}_does"], SMALL, GREY)
    # padding: a frame of zeros
    left, top = 150 - 3.5 * size, middle - 3.5 * size
    framed = lambda i, j: i in (0, 6) or j in (0, 6)  # noqa: E731
    cells(canvas, left, top, size, 7, 7, lambda i, j: PALE if framed(i, j) else PALE_BLUE)
    numbers(canvas, left, top, size, [["0" if framed(i, j) else "" for j in range(7)] for i in range(7)], color=GREY)
    canvas.box(left + size, top + size, 5 * size, 5 * size, "none", BLUE, 2, round=0)
    canvas.box(left, top, 3 * size, 3 * size, "none", GREEN, 3.5, round=2)
    result(canvas, 150, bottom, size, 5)
    # stride: the window jumps by two
    left, top = 430 - 2.5 * size, middle - 2.5 * size
    cells(canvas, left, top, size, 5, 5, PALE_BLUE)
    canvas.box(left, top, 5 * size, 5 * size, "none", BLUE, 2, round=0)
    for column in (0, 2):
        dash = "7 4" if column else None
        canvas.box(left + column * size, top, 3 * size, 3 * size, "none", GREEN, 3.5, round=2, dash=dash)
    canvas.arrow([(left + 4, top - 16), (left + 2 * size + 4, top - 16)], GREEN, 2.5)
    canvas.text(left + 2 * size + 12, top - 16, texts["two"], SMALL, GREEN, "start")
    result(canvas, 430, bottom, size, 2)
    canvas.box(430, bottom, size, size, "none", GREEN, 3.5, round=2, dash="7 4")
    # pooling: the largest of four
    table = [[1, 0, 2, 3], [4, 6, 1, 8], [3, 1, 0, 2], [0, 2, 4, 1]]
    tints = [[PALE_BLUE, PALE_ORANGE], [PALE_GREEN, PALE_PURPLE]]
    edges = [[BLUE, ORANGE], [GREEN, PURPLE]]
    left, top = 710 - 2 * 34, middle - 2 * 34
    cells(canvas, left, top, 34, 4, 4, lambda i, j: tints[i // 2][j // 2])
    largest = [[max(table[i + a][j + b] for a in (0, 1) for b in (0, 1)) for j in (0, 2)] for i in (0, 2)]
    kept = lambda i, j: table[i][j] == largest[i // 2][j // 2]  # noqa: E731
    for bold in (False, True):
        chosen = [[str(table[i][j]) if kept(i, j) == bold else "" for j in range(4)] for i in range(4)]
        numbers(canvas, left, top, 34, chosen, color=INK if bold else GREY, bold=bold)
    for i in range(2):
        for j in range(2):
            canvas.box(left + 68 * j, top + 68 * i, 68, 68, "none", edges[i][j], 2, round=0)
            canvas.box(710 - 34 + 34 * j, bottom + 34 * i, 34, 34, tints[i][j], edges[i][j], 2, round=0)
            canvas.text(710 - 17 + 34 * j, bottom + 17 + 34 * i, str(largest[i][j]), 15, bold=True)
    return canvas


def result(canvas: Canvas, center: float, top: float, size: float, side: int) -> None:
    """A map of `side` by `side`, the number that the window at its first place gives marked."""
    left = center - side * size / 2
    cells(canvas, left, top, size, side, side, lambda i, j: PALE_GREEN if i == j == 0 else PAPER)
    canvas.box(left, top, side * size, side * size, "none", BLUE, 2, round=0)
    canvas.box(left, top, size, size, "none", GREEN, 3.5, round=2)


def receptive_fields(stages: int) -> list[tuple[int, int]]:
    """What one number after each stage of the lesson's CNN sees along a side: how many pixels, and how far apart the
    fields of neighbours lie. A stage is a 3 x 3 convolution with padding 1 and a pooling of 2 x 2."""
    fields, size, step = [], 1, 1
    for _ in range(stages):
        size += 2 * step + step
        step *= 2
        fields.append((size, step))
    return fields


def receptive_field_digit(texts: Texts) -> Canvas:
    canvas = Canvas(464, texts["title"])
    pixel, top, bottom = 8, 46, 292
    places = [6, 3, 1]  # of the number we look at, in each of the maps, along both sides
    for panel, ((field, step), place) in enumerate(zip(receptive_fields(3), places)):
        left, side = 34 + panel * 284, 28 // step
        start = place * step - (step - 1)
        x, y, seen = left + start * pixel, top + start * pixel, field * pixel
        canvas.text(left + 112, 26, texts["stage"].format(panel + 1), bold=True)
        show_digit(canvas, left, top, 28 * pixel, HAIRLINE)
        for box in [(left, top, 224, y - top), (left, y + seen, 224, top + 224 - y - seen),
                    (left, y, x - left, seen), (x + seen, y, left + 224 - x - seen, seen)]:  # fmt: skip
            canvas.box(*box, PAPER, None, round=0, opacity=0.62)
        map_left, map_top = left + 112 - side * pixel / 2, bottom
        cx, cy = map_left + place * pixel, map_top + place * pixel
        cells(canvas, map_left, map_top, pixel, side, side, PALE_BLUE, "#A9CCE4", 0.8)
        canvas.box(map_left, map_top, side * pixel, side * pixel, "none", BLUE, 1.5, round=0)
        canvas.polygon([(x, y + seen), (x + seen, y + seen), (cx + pixel, cy), (cx, cy)], YELLOW, opacity=0.28)
        canvas.box(x, y, seen, seen, "none", YELLOW, 3, round=1)
        canvas.box(cx, cy, pixel, pixel, YELLOW, ORANGE, 1.2, round=0)
        canvas.text(left + 112, 436, texts["sees"].format(side, field), 15)
    return canvas


def receptive_field(texts: Texts) -> Canvas:
    """Rows of numbers seen from the side, the picture below: which of them reach one number at the top."""
    canvas = Canvas(330, texts["title"])
    three = ["convolution", "pooling", "convolution"]
    for left, key, layers, count in [(116, "two", three[::2], 9), (534, "three", three, 10)]:
        canvas.text(left + 13 * count, 24, texts[key], bold=True)
        side_view(canvas, texts, left, layers, count)
    return canvas


def side_view(canvas: Canvas, texts: Texts, left: float, layers: list[str], count: int) -> None:
    size, bottom = 26, 268
    step = 210 / len(layers)
    # from the top row down: how far apart its numbers stand, in pixels, and which pixels' places are in sight
    spacing = [2 ** layers[:row].count("pooling") for row in range(len(layers) + 1)]
    counts = [count // space for space in spacing]
    middle = (counts[-1] - 1) // 2
    seen = [range(middle, middle + 1)]
    for layer in reversed(layers):
        first, last = seen[0][0], seen[0][-1]
        below = range(2 * first, 2 * last + 2) if layer == "pooling" else range(first - 1, last + 2)
        seen.insert(0, below)

    def place(row: int, index: int) -> float:
        """The left edge of a cell."""
        return left + size * (index * spacing[row] + (spacing[row] - 1) / 2)

    height = [bottom - step * row for row in range(len(layers) + 1)]
    for row in range(len(layers)):
        low, high = height[row], height[row + 1] + size
        corners = [(place(row, seen[row][0]), low), (place(row, seen[row][-1]) + size, low)]
        corners += [(place(row + 1, seen[row + 1][-1]) + size, high), (place(row + 1, seen[row + 1][0]), high)]
        canvas.polygon(corners, YELLOW, opacity=0.25)
        if row:  # between the cells of a row, where they stand apart
            canvas.box(*corners[0], corners[1][0] - corners[0][0], size, YELLOW, None, round=0, opacity=0.25)
    field, distance = 1, 1
    for row, name in enumerate(["picture", *layers]):
        for index in range(counts[row]):
            inside = index in seen[row]
            fill = YELLOW if inside and row == len(layers) else "#F6D79B" if inside else PALE_BLUE
            edge = ORANGE if inside else "#9DC3DE"
            canvas.box(place(row, index), height[row], size, size, fill, edge, 1.2, round=2)
        canvas.text(left - 12, height[row] + size / 2, texts[name], SMALL, BLUE if row == 0 else INK, "end")
        if row:
            field += distance if name == "pooling" else 2 * distance
            distance *= 2 if name == "pooling" else 1
            sees = texts["sees"].format(field)
            canvas.text(left + size * count + 10, height[row] + size / 2, sees, 15, ORANGE, "start", bold=True)
