"""Lesson 08: from files to batches, and the way from a label to a name."""

import math

from diagrams.canvas import Canvas, Texts
from diagrams.style import (
    BLUE,
    DARK_YELLOW,
    GREY,
    HAIRLINE,
    INK,
    ORANGE,
    PALE,
    PALE_BLUE,
    PALE_PURPLE,
    PAPER,
    PURPLE,
    SMALL,
    YELLOW,
)

FLOWERS = [("#D55E00", 8, "#E9EFE2"), ("#A8487F", 5, "#E3ECF4"), ("#E69F00", 6, "#EFE7F1"), ("#0072B2", 7, "#F5EDE0")]
LABELS = [8, 0, 7, 2]
ASKED = [2, 0, 3, 1]
CLASSES = [("1", "english daisy"), ("10", "english bluebell"), ("102", "dandelion clock"), ("2", "corn poppy")]


def flower(canvas: Canvas, x: float, y: float, side: float, kind: int) -> None:
    """A square picture of one of the kinds in `FLOWERS`, by its upper left corner."""
    color, petals, ground = FLOWERS[kind]
    canvas.box(x, y, side, side, ground, GREY, 1, round=2)
    center, r = (x + side / 2, y + side / 2), 0.24 * side
    for petal in range(petals):
        angle = 2 * math.pi * petal / petals
        canvas.circle(center[0] + r * math.sin(angle), center[1] - r * math.cos(angle), 0.15 * side, color)
    canvas.circle(*center, 0.12 * side, YELLOW if color != YELLOW else INK)


def dataset_to_batch(texts: Texts) -> Canvas:
    canvas = Canvas(386, texts["title"])
    canvas.box(16, 44, 196, 134, PAPER, GREY)
    canvas.text(114, 26, "train.txt", 15, bold=True, mono=True)
    for row, label in enumerate(LABELS):
        canvas.text(30, 66 + 30 * row, f"image_{row + 1:05}.jpg {label}", 14, anchor="start", mono=True, color=INK)
    canvas.text(114, 216, "images/", 15, bold=True, mono=True)
    for row in range(4):
        flower(canvas, 22 + 48 * row, 234, 42, row)
    canvas.box(262, 44, 220, 234, PALE_BLUE, BLUE)
    canvas.text(372, 70, "Dataset", 18, BLUE, bold=True)
    canvas.text(372, 112, texts["init"], SMALL, GREY)
    canvas.text(372, 172, "len(dataset)", 15, mono=True)
    canvas.text(372, 226, "dataset[2]", 15, mono=True)
    canvas.text(372, 250, texts["opens"], SMALL, GREY)
    canvas.arrow([(214, 111), (260, 111)], GREY, 2.5)
    canvas.arrow([(214, 255), (260, 255)], GREY, 2.5)
    canvas.box(544, 44, 128, 234, PALE, GREY)
    canvas.text(608, 70, "DataLoader", 18, bold=True)
    canvas.text(608, 112, texts["draws"], SMALL, GREY)
    canvas.text(608, 150, ", ".join(map(str, ASKED)), 17, DARK_YELLOW, bold=True)
    canvas.text(608, 252, texts["stacks"], SMALL, GREY)
    canvas.arrow([(542, 190), (485, 190)], YELLOW, 3)
    canvas.text(514, 172, "2?", 17, DARK_YELLOW, bold=True)
    canvas.arrow([(485, 226), (542, 226)], BLUE, 3)
    flower(canvas, 484, 300, 44, 2)
    canvas.text(538, 322, f", {LABELS[2]}", 18, PURPLE, "start", bold=True)
    canvas.text(513, 366, texts["answer"], SMALL, GREY)
    canvas.line([(513, 232), (513, 294)], BLUE, 1.5, "4 4")
    canvas.arrow([(674, 161), (716, 161)], BLUE, 3)
    for place in range(3, -1, -1):
        flower(canvas, 722 + 20 * place, 128 - 22 * place, 66, ASKED[place])
    canvas.text(786, 222, "(4, 3, 64, 64)", 15, BLUE, mono=True)
    for place, index in enumerate(ASKED):
        canvas.box(726 + 30 * place, 244, 30, 30, PALE_PURPLE, PURPLE, round=0)
        canvas.text(741 + 30 * place, 259, str(LABELS[index]), 16, PURPLE, bold=True)
    canvas.text(786, 296, "(4,)", 15, PURPLE, mono=True)
    canvas.text(786, 26, texts["batch"], 15, bold=True)
    return canvas


def label_id_name(texts: Texts) -> Canvas:
    """Right ways are level; the shortcut climbs."""
    canvas = Canvas(344, texts["title"])
    columns = {"label": (110, 70), "class_id": (390, 84), "name": (700, 216)}
    for key, (center, _) in columns.items():
        canvas.text(center, 28, texts[key], 18, bold=True)
        canvas.text(center, 54, texts[f"{key}_from"], SMALL, GREY)
    for label, (class_id, name) in enumerate(CLASSES):
        y = 100 + 70 * label
        for (center, width), text in zip(columns.values(), [str(label), f'"{class_id}"', f'"{name}"']):
            canvas.box(center - width / 2, y - 20, width, 40, PALE_BLUE if text == str(label) else PALE, HAIRLINE)
            canvas.text(center, y, text, 16, mono=True)
        canvas.arrow([(148, y), (345, y)], BLUE, 2.5)
        canvas.arrow([(435, y), (589, y)], BLUE, 2.5)
    canvas.arrow([(148, 163), (230, 134), (500, 134), (589, 108)], ORANGE, 3, bend=30, dash="7 5")
    canvas.text(268, 119, "cat_to_name[str(1)]", 13, ORANGE, mono=True)
    canvas.text(247, 84, "classes.txt", 14, BLUE, mono=True)
    canvas.text(512, 84, "cat_to_name", 14, BLUE, mono=True)
    return canvas
