"""Lesson 04: how much of the picture a number of a feature map sees."""

from diagrams.canvas import Canvas, Texts
from diagrams.parts import cells, show_digit
from diagrams.style import BLUE, HAIRLINE, INK, ORANGE, PALE_BLUE, PAPER, SMALL, YELLOW

STAGE = ["convolution", "pooling"]  # of the lesson's network


def receptive_fields(layers: list[str]) -> list[tuple[int, int]]:
    """What a number sees of the picture along a side, at first and after each of the layers.

    Layers are "convolution", 3 x 3, and "pooling", 2 x 2. Returns how many pixels, and how many pixels the fields of
    neighbouring numbers lie apart.
    """
    fields = [(1, 1)]
    for layer in layers:
        size, apart = fields[-1]
        fields.append((size + apart, 2 * apart) if layer == "pooling" else (size + 2 * apart, apart))
    return fields


def receptive_field_digit(texts: Texts) -> Canvas:
    canvas = Canvas(464, texts["title"])
    pixel, top, bottom = 8, 46, 292
    places = [6, 3, 1]  # of the number we look at, in each of the maps, along both sides
    for panel, ((field, step), place) in enumerate(zip(receptive_fields(3 * STAGE)[2::2], places)):
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
    for left, key, layers, count in [(112, "two", ["convolution"] * 2, 9), (522, "three", [*STAGE, "convolution"], 10)]:
        canvas.text(left + 13 * count, 24, texts[key], bold=True)
        side_view(canvas, texts, left, layers, count)
    return canvas


def side_view(canvas: Canvas, texts: Texts, left: float, layers: list[str], count: int) -> None:
    """A row of `count` pixels, and above it a row for each layer."""
    size, step = 26, 210 / len(layers)
    fields = receptive_fields(layers)
    height = [268 - step * row for row in range(len(fields))]
    middle = (count // fields[-1][1] - 1) // 2
    seen = [range(middle, middle + 1)]  # which numbers of each row reach the one at the top
    for layer in reversed(layers):
        first, last = seen[0][0], seen[0][-1]
        seen.insert(0, range(2 * first, 2 * last + 2) if layer == "pooling" else range(first - 1, last + 2))

    def place(row: int, index: int) -> float:
        """The left edge of a cell, which stands over the middle of its pixels."""
        return left + size * (index * fields[row][1] + (fields[row][1] - 1) / 2)

    def ends(row: int) -> tuple[float, float]:
        return place(row, seen[row][0]), place(row, seen[row][-1]) + size

    for row in range(len(layers)):
        low, high, (start, end), (above, until) = height[row], height[row + 1] + size, ends(row), ends(row + 1)
        canvas.polygon([(start, low), (end, low), (until, high), (above, high)], YELLOW, opacity=0.25)
        if row:  # between the cells of a row, where they stand apart
            canvas.box(start, low, end - start, size, YELLOW, None, round=0, opacity=0.25)
    for row, (name, (field, apart)) in enumerate(zip(["picture", *layers], fields)):
        for index in range(count // apart):
            inside = index in seen[row]
            fill = YELLOW if inside and row == len(layers) else "#F6D79B" if inside else PALE_BLUE
            canvas.box(place(row, index), height[row], size, size, fill, ORANGE if inside else "#9DC3DE", 1.2, round=2)
        y = height[row] + size / 2
        canvas.text(left - 12, y, texts[name], SMALL, BLUE if row == 0 else INK, "end")
        if row:
            sees = texts["sees"].format(field)
            canvas.text(left + size * count + 10, y, sees, 15, ORANGE, "start", bold=True)
