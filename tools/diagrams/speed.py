"""Lesson 15: who waits for whom while batches are loaded, and where the channels of a place lie in memory."""

from collections.abc import Sequence

from diagrams.canvas import Canvas, Texts
from diagrams.style import (
    BLUE,
    DARK_YELLOW,
    GREEN,
    GREY,
    HAIRLINE,
    INK,
    ORANGE,
    PALE,
    PALE_BLUE,
    PALE_GREEN,
    PALE_ORANGE,
    SMALL,
    YELLOW,
)

LOAD, LEARN, START = 48, 32, 24  # pixels: loading a batch, learning from it, starting a worker
BEGIN, END, EPOCH = 150, 790, 3  # of the lines of time, and batches in an epoch


def workers(texts: Texts) -> Canvas:
    canvas = Canvas(372, texts["title"])
    canvas.text(20, 24, texts["load"], 15, BLUE, "start", bold=True)
    canvas.text(110, 24, texts["learn"], 15, GREEN, "start", bold=True)
    canvas.text(824, 24, texts["batches"], SMALL, GREY)
    name(canvas, 70, texts["none"])
    row(canvas, 54, [(LOAD, LEARN)] * 8)
    name(canvas, 182, texts["two"])
    for worker in range(2):
        top = 118 + 34 * worker
        canvas.box(BEGIN, top, START, 26, PALE, GREY, 1, round=2)
        for index in range(int((END - BEGIN - START) / LOAD)):
            canvas.box(BEGIN + START + index * LOAD, top, LOAD, 26, PALE_BLUE, BLUE, 1, round=2)
    row(canvas, 192, [(0, LEARN)] * int((END - BEGIN - START - LOAD) / LEARN), BEGIN + START + LOAD)
    canvas.text(BEGIN + START / 2, 205, texts["start"], 13, GREY, "middle")
    canvas.arrow([(BEGIN + START / 2, 196), (BEGIN + START / 2, 181)], GREY, 1.5)
    name(canvas, 282, texts["once"])
    rest = int((END - BEGIN - EPOCH * (LOAD + LEARN)) / LEARN)
    row(canvas, 266, [(LOAD, LEARN)] * EPOCH + [(0, LEARN)] * rest)
    x = float(BEGIN)
    for epoch in range(1, 5):
        width = EPOCH * (LEARN + (LOAD if epoch == 1 else 0))
        canvas.line([(x + 3, 306), (x + 3, 312), (x + width - 3, 312), (x + width - 3, 306)], GREY, 1.5)
        canvas.text(x + width / 2, 326, texts["epoch"].format(epoch), SMALL, GREY)
        x += width
    canvas.arrow([(BEGIN, 352), (END, 352)], INK, 2)
    canvas.text(BEGIN - 12, 352, texts["time"], SMALL, INK, "end")
    return canvas


def name(canvas: Canvas, y: float, text: str) -> None:
    canvas.text(20, y, text, 15, anchor="start")


def row(canvas: Canvas, top: float, batches: Sequence[tuple[float, float]], x: float = BEGIN) -> None:
    """Batches one after the other, each with its loading, if any, and its learning; at the end their number."""
    for load, learn in batches:
        if load:
            canvas.box(x, top, load, 32, PALE_BLUE, BLUE, 1, round=2)
        canvas.box(x + load, top, learn, 32, PALE_GREEN, GREEN, 1, round=2)
        x += load + learn
    canvas.text(824, top + 16, str(len(batches)), 18, GREEN, bold=True)


def channels_last(texts: Texts) -> Canvas:
    canvas = Canvas(258, texts["title"])
    channels = [("R", ORANGE, PALE_ORANGE), ("G", GREEN, PALE_GREEN), ("B", BLUE, PALE_BLUE)]
    for back in (2, 1, 0):
        letter, color, fill = channels[back]
        left, top = 44 + 42 * back, 128 - 40 * back
        for place in range(4):
            x, y = left + 44 * (place % 2), top + 44 * (place // 2)
            canvas.box(x, y, 44, 44, fill, color, 1.5, round=0)
            canvas.text(x + 22, y + 22, f"{letter}{place + 1}", 15, color, bold=True)
    canvas.text(112, 238, texts["picture"], SMALL, GREY)
    first = [(channel, place) for channel in range(3) for place in range(4)]
    second = [(channel, place) for place in range(4) for channel in range(3)]
    for top, key, cells in [(52, "contiguous", first), (164, "channels_last", second)]:
        canvas.text(270, top - 20, texts[key], 16, anchor="start", bold=True)
        for index, (channel, place) in enumerate(cells):
            letter, color, fill = channels[channel]
            x = 270 + 46 * index
            canvas.box(x, top, 46, 40, fill, HAIRLINE, 1, round=0)
            canvas.text(x + 23, top + 20, f"{letter}{place + 1}", 15, color, bold=place == 1)
        for index, (_, place) in enumerate(cells):
            if place == 1:
                canvas.box(270 + 46 * index + 1.5, top + 1.5, 43, 37, "none", YELLOW, 3, round=3)
        canvas.text(270, top + 58, texts[f"{key}_reads"], SMALL, DARK_YELLOW, "start")
    return canvas
