"""Lesson 06: a body gets another head, and what each of six ways trains."""

from itertools import groupby

from diagrams.canvas import Canvas, Texts
from diagrams.style import (
    BLUE,
    DARK_YELLOW,
    GREEN,
    GREY,
    INK,
    PALE,
    PALE_GREEN,
    PURPLE,
    SMALL,
    YELLOW,
)

PALE_YELLOW = "#FDF1D5"
LOOKS = {  # start and steps of a part: its surface, edge and dashes
    "frozen": (PALE, GREY, "5 4"),
    "small": (PALE_GREEN, GREEN, None),  # pretrained
    "large": (PALE_YELLOW, YELLOW, None),  # random
    "random_small": (PALE_YELLOW, YELLOW, None),
}
BODY = ["conv1", "layer1", "layer2", "layer3", "layer4"]
WAYS: dict[str, list[list[str]]] = {  # row by row, what happens to the parts of the body and to the head
    "scratch": [["large"] * 6],
    "head": [["frozen"] * 5 + ["large"]],
    "first": [["frozen"] * 3 + ["small"] * 2 + ["random_small"]],
    "all": [["small"] * 5 + ["random_small"]],
    "two": [["frozen"] * 5 + ["large"], ["small"] * 6],
    "rates": [["small"] * 5 + ["large"]],
}
TRAINED = {"scratch": "11,177,538", "head": "1,026", "first": "10,494,466", "all": "11,177,538",
           "two": "1,026 → 11,177,538", "rates": "11,177,538"}  # fmt: skip


def six_ways(texts: Texts) -> Canvas:
    canvas = Canvas(482, texts["title"])
    left, wide, high = 176.0, 82.0, 38.0
    ends = [left + wide * place for place in range(6)] + [left + 6 * wide + 12]
    for place, name in enumerate([*BODY, "fc"]):
        canvas.text(ends[place] + wide / 2 + 12 * (name == "fc"), 54, name, 15, bold=True)
    canvas.text(left + 2.5 * wide, 24, texts["body"], SMALL, GREY)
    canvas.text(left + 5.5 * wide + 12, 24, texts["headline"], SMALL, GREY)
    canvas.text(840, 39, texts["trained"], SMALL, GREY, "end")
    y = 76.0
    for way, rows in WAYS.items():
        height = high * len(rows) + 4 * (len(rows) - 1)
        canvas.text(16, y + height / 2, texts[way], 15, anchor="start", bold=True)
        for row in rows:
            band(canvas, texts, left, wide, y, high, row[:5])
            band(canvas, texts, left + 5 * wide + 12, wide, y, high, row[5:])
            y += high + 4
        canvas.text(840, y - 4 - height / 2, TRAINED[way].replace(" → ", " →\n"), 15, GREEN, "end")
        y += 10
    x = left
    for look, key in [("small", "pretrained"), ("large", "random"), ("frozen", "unchanged")]:
        fill, edge, dash = LOOKS[look]
        canvas.box(x, y + 10, 26, 20, fill, edge, round=2, dash=dash)
        canvas.text(x + 36, y + 20, texts[key], SMALL, anchor="start")
        x += 210
    return canvas


def band(canvas: Canvas, texts: Texts, x: float, wide: float, y: float, high: float, looks: list[str]) -> None:
    """Neighbouring parts, a box each; what happens to them is said once for those that share it."""
    for look, same in groupby(looks):
        count = len(list(same))
        fill, edge, dash = LOOKS[look]
        for place in range(count):
            canvas.box(x + place * wide + 1, y, wide - 2, high, fill, edge, 1.2, round=3, dash=dash)
        canvas.box(x + count * wide / 2 - 36, y + 4, 72, high - 8, fill, None, round=0)
        canvas.text(x + count * wide / 2, y + high / 2, texts[look.removeprefix("random_")], SMALL)
        x += count * wide


def new_head(texts: Texts) -> Canvas:
    canvas = Canvas(296, texts["title"])
    rows = [("before", 82.0, "#E4D3DF", texts["old_classes"]), ("after", 226.0, PALE_YELLOW, texts["new_classes"])]
    for key, middle, head, classes in rows:
        canvas.text(20, middle, texts[f"{key}_pictures"], 15, anchor="start")
        canvas.arrow([(196, middle), (232, middle)], BLUE, 2.5)
        x, half = 240.0, 40.0
        for name in BODY:
            canvas.polygon([(x, middle - half), (x + 62, middle - half + 5), (x + 62, middle + half - 5),
                            (x, middle + half)], PALE_GREEN, GREEN)  # fmt: skip
            canvas.text(x + 31, middle, name, SMALL)
            x, half = x + 66, half - 5
        canvas.arrow([(x, middle), (x + 32, middle)], BLUE, 2.5)
        canvas.text(x + 16, middle - 18, "512", SMALL, BLUE)
        canvas.box(x + 38, middle - 30, 40, 60, head, PURPLE if key == "before" else YELLOW, round=3)
        canvas.text(x + 58, middle, "fc", 16, bold=True)
        canvas.arrow([(x + 80, middle), (x + 104, middle)], BLUE, 2.5)
        canvas.text(x + 112, middle, classes, SMALL, anchor="start")
    for place in range(5):
        canvas.arrow([(271 + 66 * place, 122 - 5 * place), (271 + 66 * place, 186 + 5 * place)], GREEN, 2.5)
    canvas.text(628, 154, texts["cross"], 24, DARK_YELLOW, bold=True)
    canvas.text(628, 274, texts["random"], SMALL, DARK_YELLOW)
    canvas.text(405, 24, texts["body"], 15, GREEN, bold=True)
    canvas.text(628, 24, texts["head"], 15, INK, bold=True)
    canvas.text(258, 154, texts["copied"], SMALL, GREEN, "end")
    return canvas
