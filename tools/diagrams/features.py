"""Lesson 07: pictures go through a frozen backbone once, and what freezing has to stop in a BatchNorm layer."""

from diagrams.canvas import Canvas, Texts
from diagrams.parts import cells
from diagrams.style import (
    BLUE,
    DARK_YELLOW,
    GREEN,
    GREY,
    HAIRLINE,
    INK,
    LIGHT_BLUE,
    ORANGE,
    PALE,
    PALE_BLUE,
    PALE_GREEN,
    PALE_PURPLE,
    PAPER,
    PURPLE,
    SMALL,
    YELLOW,
)

INSECTS = [("#E9D8A6", "ant"), ("#CFE3C5", "bee"), ("#E7C6D4", "ant"), ("#C9DCEB", "bee")]  # background, kind


def features_once(texts: Texts) -> Canvas:
    canvas = Canvas(330, texts["title"])
    for row, (ground, kind) in enumerate(INSECTS):
        y = 42 + row * 62
        canvas.box(24, y, 54, 54, ground, INK, 1, round=2)
        insect(canvas, 51, y + 27, kind == "bee")
        canvas.line([(82, y + 27), (112, y + 27)], BLUE, 2)
    canvas.text(51, 306, texts["pictures"], SMALL)
    canvas.arrow([(112, 162), (152, 162)], BLUE, 3)
    canvas.line([(112, 69), (112, 255)], BLUE, 2)
    canvas.polygon([(156, 62), (300, 112), (300, 212), (156, 262)], PALE_GREEN, GREEN)
    canvas.text(226, 152, texts["backbone"], 17, GREEN, bold=True)
    canvas.text(226, 176, texts["frozen"], SMALL, GREEN)
    canvas.arrow([(304, 162), (366, 162)], BLUE, 3)
    canvas.text(333, 138, texts["once"], 17, BLUE, bold=True)
    shades = [PALE_BLUE, LIGHT_BLUE, PAPER]
    cells(canvas, 372, 90, 36, 4, 5, lambda row, column: shades[(row * 2 + column * (row + 1)) % 3], BLUE)
    canvas.text(462, 72, texts["columns"], SMALL, GREY)
    canvas.text(462, 254, texts["table"], 17, BLUE, bold=True)
    canvas.text(462, 278, texts["rows"], SMALL, GREY)
    for y, key in [(74, "head"), (162, "neighbours"), (250, "map")]:
        canvas.box(660, y - 27, 176, 54, PALE_PURPLE, PURPLE)
        canvas.text(748, y, texts[key], 16, PURPLE, bold=True)
    canvas.arrow([(556, 140), (606, 140), (606, 74), (656, 74)], YELLOW, 5, bend=16)
    canvas.arrow([(556, 162), (656, 162)], YELLOW, 3)
    canvas.arrow([(556, 184), (606, 184), (606, 250), (656, 250)], YELLOW, 3, bend=16)
    canvas.text(748, 32, texts["many"], SMALL, DARK_YELLOW, bold=True)
    return canvas


def insect(canvas: Canvas, x: float, y: float, wings: bool) -> None:
    """Three parts, six legs, seen from above; with wings and stripes it is a bee."""
    for side in (-1, 1):
        for lean in (-7, 0, 7):
            canvas.line([(x, y + lean / 3), (x + side * 14, y + lean * 1.4)], INK, 1.2)
        if wings:
            canvas.polygon([(x, y - 3), (x + side * 19, y - 4), (x + side * 15, y + 8)], PAPER, GREY)
    body = DARK_YELLOW if wings else INK
    for place, radius in [(-11, 4), (-2, 4.5), (10, 7)]:
        canvas.circle(x, y + place, radius, body)
    if wings:
        for place in (7, 12):
            canvas.line([(x - 6, y + place), (x + 6, y + place)], INK, 2)


def freezing(texts: Texts) -> Canvas:
    canvas = Canvas(350, texts["title"])
    canvas.box(24, 52, 250, 252, "#F7FAFC", HAIRLINE, 1.2)
    canvas.text(149, 30, texts["layer"], 17, bold=True)
    for y, names, fill, edge in [
        (72, ["weight", "bias"], PALE_GREEN, GREEN),
        (184, ["running_mean", "running_var", "num_batches_tracked"], PALE_BLUE, BLUE),
    ]:
        for row, name in enumerate(names):
            canvas.box(44, y + row * 36, 210, 30, fill, edge)
            canvas.text(149, y + row * 36 + 15, name, 14, mono=True)
    rows = [(105, "parameters", GREEN), (235, "buffers", BLUE)]
    for y, key, color in rows:
        canvas.text(340, y - 12, texts[key], 17, color, bold=True)
        canvas.text(340, y + 14, texts[f"{key}_moved"], SMALL, GREY)
    columns = [(488, "requires_grad_(False)", 0), (640, "eval()", 1), (772, "freeze", 2)]
    for x, call, _ in columns:
        canvas.text(x, 30, call, 14, mono=True)
    canvas.line([(412, 52), (412, 304)], HAIRLINE, 1.5)
    canvas.line([(290, 166), (836, 166)], HAIRLINE, 1.5)
    stops = {"parameters": ["stops", "goes_on", "stops"], "buffers": ["goes_on", "until", "stops"]}
    colors = {"stops": GREEN, "goes_on": ORANGE, "until": DARK_YELLOW}
    for y, key, _ in rows:
        for x, _, column in columns:
            state = stops[key][column]
            canvas.circle(x, y - 14, 13, PALE, colors[state], 2.5)
            if state == "goes_on":
                canvas.arrow([(x - 6, y - 14), (x + 8, y - 14)], colors[state], 2.5)
            else:
                canvas.box(x - 5.5, y - 19.5, 11, 11, colors[state], None, round=1)
            canvas.text(x, y + 22, texts[state], SMALL, colors[state])
    canvas.text(430, 332, texts["below"], SMALL, GREY)
    return canvas
