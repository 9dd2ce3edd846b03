"""Lesson 12: the cell of an LSTM with its gates, and the network unrolled over a padded and a packed batch."""

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
    PALE_PURPLE,
    PAPER,
    PURPLE,
    SMALL,
    YELLOW,
)

FORGET, INPUT, CANDIDATE, OUTPUT = ORANGE, GREEN, BLUE, PURPLE  # here colours tell the gates apart
SENTENCES = ["return the mean", "return the sum of the array", "the mean"]  # as in the lesson


def lstm_cell(texts: Texts) -> Canvas:
    canvas = Canvas(560, texts["title"])
    canvas.box(112, 44, 636, 330, "#F7FAFC", HAIRLINE, 1.5, round=16)
    belt, gate, bus, out = 104, 268, 344, 206
    f, i, g, o, add, show = 200, 336, 456, 592, 396, 680
    canvas.arrow([(34, belt), (826, belt)], YELLOW, 6)
    canvas.arrow([(34, bus), (o, bus), (o, gate + 30)], INK, 2, bend=10)
    for x in (f, i, g):
        canvas.arrow([(x, bus), (x, gate + 30)], INK, 2)
        canvas.circle(x, bus, 3.5, INK)
    canvas.arrow([(152, 424), (152, bus + 2)], INK, 2)
    canvas.arrow([(f, gate - 29), (f, belt + 16)], FORGET, 2.5)
    canvas.arrow([(i, gate - 29), (i, out - 22), (add - 16, out - 22)], INPUT, 2.5, bend=10)
    canvas.arrow([(g, gate - 29), (g, out - 22), (add + 16, out - 22)], CANDIDATE, 2.5, bend=10)
    canvas.arrow([(add, out - 38), (add, belt + 16)], INK, 2.5)
    canvas.circle(show, belt, 4.5, DARK_YELLOW)
    canvas.arrow([(show, belt), (show, out - 16)], DARK_YELLOW, 2.5)
    canvas.box(show - 30, belt + 28, 60, 30, PAPER, DARK_YELLOW)
    canvas.text(show, belt + 43, "tanh", 15)
    canvas.arrow([(o, gate - 29), (o, out), (show - 16, out)], OUTPUT, 2.5, bend=10)
    canvas.arrow([(show + 14, out), (722, out), (722, bus), (826, bus)], INK, 2.5, bend=10)
    for x, y, sign in [(f, belt, "×"), (add, belt, "+"), (add, out - 22, "×"), (show, out, "×")]:
        canvas.circle(x, y, 15, PAPER, INK, 2)
        canvas.text(x, y, sign, 22, bold=True)
    gates = [(f, "forget", "σ", FORGET, PALE_ORANGE), (i, "input", "σ", INPUT, PALE_GREEN),
             (g, "candidate", "tanh", CANDIDATE, PALE_BLUE), (o, "output", "σ", OUTPUT, PALE_PURPLE)]  # fmt: skip
    for x, key, squeeze, color, fill in gates:
        canvas.box(x - 56, gate - 29, 112, 58, fill, color, 2)
        canvas.text(x, gate - 11, texts[key], SMALL, color, bold=True)
        canvas.text(x, gate + 12, squeeze, 17)
    for x, y, letter, color in [(f - 14, 214, "f", FORGET), (i - 13, 214, "i", INPUT), (g + 15, 214, "g", CANDIDATE),
                                (o - 15, 222, "o", OUTPUT)]:  # fmt: skip
        canvas.text(x, y, letter, 19, color, bold=True)
    for x, key in [(f, "keep"), (add, "write"), (show, "show")]:
        canvas.text(x, 68, texts[key], SMALL, GREY)
    canvas.text(58, belt - 24, "c", 20, DARK_YELLOW, bold=True)
    canvas.text(796, belt - 24, texts["new_c"], 17, DARK_YELLOW, bold=True)
    canvas.text(58, bus - 22, "h", 20, bold=True)
    canvas.text(796, bus - 22, texts["new_h"], 17, bold=True)
    canvas.text(152, 440, texts["word"], 16)
    canvas.box(250, 402, 570, 138, PALE, None)
    canvas.text(270, 424, texts["formula"], SMALL, GREY, "start")
    canvas.text(560, 424, texts["code"], SMALL, GREY, "start")
    for y, formula, code in [(460, "c' = f ⊙ c + i ⊙ g", "c = f * c + i * g"),
                             (506, "h' = o ⊙ tanh(c')", "h = o * c.tanh()")]:  # fmt: skip
        coloured(canvas, 270, y, formula)
        coloured(canvas, 560, y, code)
    return canvas


def coloured(canvas: Canvas, x: float, y: float, text: str, size: float = 19) -> None:
    """A line of formula or code, the gates' letters in the gates' colours."""
    colors = {"f": FORGET, "i": INPUT, "g": CANDIDATE, "o": OUTPUT}
    for word in text.split():
        canvas.text(x, y, word, size, colors.get(word, INK), "start", bold=word in colors, mono=True)
        x += (len(word) + 1) * 0.6 * size


WIDE, HIGH, LEFT, STEP = 76, 32, 132, 98


def unrolled_padding_packing(texts: Texts) -> Canvas:
    canvas = Canvas(570, texts["title"])
    batch = [sentence.split() for sentence in SENTENCES]
    longest = max(map(len, batch))
    unrolled(canvas, batch[1], texts)
    for top, key in [(214, "padded"), (384, "packed")]:
        canvas.line([(20, top - 20), (840, top - 20)], HAIRLINE, 1.5)
        canvas.text(20, top + 16, texts[key], 18, INK, "start", bold=True)
        for row, words in enumerate(batch):
            y = top + row * 44
            read = longest if key == "padded" else len(words)
            for column in range(read):
                x = LEFT + column * STEP
                word = words[column] if column < len(words) else "0"
                fill, edge = (PALE_BLUE, BLUE) if column < len(words) else (PALE, HAIRLINE)
                canvas.box(x, y, WIDE, HIGH, fill, edge)
                canvas.text(x + WIDE / 2, y + HIGH / 2, word, 15, INK if column < len(words) else GREY)
                canvas.arrow([(x + WIDE, y + HIGH / 2), (x + STEP, y + HIGH / 2)], YELLOW, 2)
            right = read == len(words)
            x = LEFT + read * STEP + 13
            canvas.circle(x, y + HIGH / 2, 13, PALE_GREEN if right else PALE_ORANGE, GREEN if right else ORANGE, 2)
            canvas.text(x, y + HIGH / 2, "h", 15, GREEN if right else ORANGE, bold=True)
            canvas.text(x + 20, y + HIGH / 2, texts["right" if right else "wrong"], SMALL, INK, "start")
    canvas.text(20, 536, texts["steps"], SMALL, GREY, "start")
    for column in range(longest):
        running = sum(len(words) > column for words in batch)
        canvas.text(LEFT + column * STEP + WIDE / 2, 536, str(running), 18, DARK_YELLOW, bold=True)
    return canvas


def unrolled(canvas: Canvas, words: Sequence[str], texts: Texts) -> None:
    """The same cell once for each word, from left to right."""
    canvas.text(20, 76, texts["unrolled"], 18, INK, "start", bold=True)
    for column, word in enumerate(words):
        x = LEFT + column * STEP
        canvas.arrow([(x + WIDE / 2, 130), (x + WIDE / 2, 100)], BLUE, 2)
        canvas.box(x, 50, WIDE, 48, PALE_GREEN, GREEN)
        canvas.text(x + WIDE / 2, 74, "LSTM", 15, bold=True)
        canvas.box(x, 131, WIDE, HIGH, PALE_BLUE, BLUE)
        canvas.text(x + WIDE / 2, 131 + HIGH / 2, word, 15)
        canvas.arrow([(x + WIDE, 86), (x + STEP, 86)], INK, 2)
        if column + 1 < len(words):  # the head reads h alone
            canvas.arrow([(x + WIDE, 62), (x + STEP, 62)], YELLOW, 3)
        if not column:
            canvas.text(x + WIDE + 11, 40, "c", 16, DARK_YELLOW, bold=True)
            canvas.text(x + WIDE + 11, 108, "h", 16, bold=True)
    end = LEFT + len(words) * STEP
    canvas.box(end, 50, 96, 48, PALE_PURPLE, PURPLE)
    canvas.text(end + 48, 74, texts["head"], 15, bold=True)
    canvas.arrow([(end + 48, 98), (end + 48, 130)], PURPLE, 2)
    canvas.text(end + 48, 147, texts["answer"], 15, PURPLE)


def recurrence_attention(texts: Texts) -> Canvas:
    canvas = Canvas(250, texts["title"])
    words = SENTENCES[1].split()
    weights = [5.0, 1.2, 7.0, 1.2, 1.2, 0.0]  # how thick the arcs are: an example
    wide, step, y = 52, 69, 150
    for left, key in [(20, "recurrence"), (442, "attention")]:
        canvas.text(left, 28, texts[key], 18, INK, "start", bold=True)
        centers = [left + wide / 2 + column * step for column in range(len(words))]
        for center, word in zip(centers, words):
            canvas.box(center - wide / 2, y, wide, HIGH, PALE_BLUE, BLUE)
            canvas.text(center, y + HIGH / 2, word, 15)
        end = centers[-1]
        for center, weight in zip(centers, weights):
            if key == "recurrence" and center < end:
                canvas.arrow([(center + wide / 2, y + HIGH / 2), (center + step - wide / 2, y + HIGH / 2)], YELLOW, 2)
            elif key == "attention" and center < end:
                top = y - 0.42 * (end - center)
                path = f"M{center:g} {y - 1} C{center:g} {top:g} {end:g} {top:g} {end:g} {y - 1}"
                canvas.add("path", d=path, fill="none", stroke=PURPLE, stroke_width=weight)
        canvas.text(left, 216, texts[f"{key}_path"], 15, GREY, "start")
    canvas.line([(430, 20), (430, 230)], HAIRLINE, 1.5)
    return canvas
