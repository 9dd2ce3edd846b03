"""Lesson 10: what lies in the folder of a run, and how two processes make one step."""

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
    PURPLE,
    SMALL,
    YELLOW,
)

FILES = [  # name, colour, key of its description; None makes a gap
    ("config.json", INK, "config"),
    ("batches.csv", BLUE, "batches"),
    ("epochs.csv", BLUE, "epochs"),
    ("last.pt", DARK_YELLOW, "last"),
    ("best.safetensors", GREEN, "best"),
    ("epoch-01.safetensors …", GREEN, "each"),
    ("test.json", PURPLE, "test"),
    ("predictions.csv", PURPLE, "predictions"),
]


def run_folder(texts: Texts) -> Canvas:
    """The tree, with who writes what and when in three groups."""
    step, top = 40.0, 84.0
    canvas = Canvas(top + step * len(FILES) + 8, texts["title"])
    canvas.text(24, 34, "runs/10/killed/", 18, anchor="start", bold=True, mono=True)
    groups = [("start", 0, 1), ("while", 1, 6), ("after", 6, 8)]
    for key, first, end in groups:
        y = top + step * first - 18
        canvas.box(640, y + 3, 200, step * (end - first) - 6, PALE, None)
        canvas.text(740, y + step * (end - first) / 2, texts[key], SMALL, GREY)
    bottom = top + step * (len(FILES) - 1)
    canvas.line([(36, 52), (36, bottom)], HAIRLINE, 2)
    for index, (name, color, key) in enumerate(FILES):
        y = top + index * step
        canvas.line([(36, y), (60, y)], HAIRLINE, 2)
        canvas.text(70, y, name, 16, color, "start", bold=True, mono=True)
        canvas.text(312, y, texts[key], SMALL, INK, "start")
    return canvas


def two_processes(texts: Texts) -> Canvas:
    """Two rows, one a process: share, gradient, and after the mean between them the same step."""
    canvas = Canvas(372, texts["title"])
    rows = [(110.0, 0), (290.0, 1)]
    middle = 200.0
    canvas.text(70, 24, texts["batch"], 15, bold=True)
    for index in range(8):
        top = 52.0 + 38 * index
        fill, edge = (PALE_BLUE, BLUE) if index % 2 == 0 else ("#FFF3D6", YELLOW)
        canvas.box(52, top, 36, 32, fill, edge)
        canvas.text(70, top + 16, str(index + 1), 15)
    for y, rank in rows:
        edge = YELLOW if rank else BLUE
        fill = "#FFF3D6" if rank else PALE_BLUE
        canvas.box(134, y - 62, 710, 124, "#FBFCFD", HAIRLINE, 1.2, dash="4 4")
        canvas.text(146, y - 46, texts["process"].format(rank), SMALL, GREY, "start", bold=True)
        canvas.arrow([(92, y), (150, y)], edge, 2.5)
        for place in range(4):
            canvas.box(156 + 30 * place, y - 14, 26, 28, fill, edge)
            canvas.text(169 + 30 * place, y, str(2 * place + 1 + rank), 15)
        canvas.arrow([(280, y), (318, y)], edge, 2.5)
        canvas.box(322, y - 24, 112, 48, PALE_GREEN, GREEN)
        canvas.text(378, y, texts["weights"], 15)
        canvas.arrow([(438, y), (476, y)], ORANGE, 2.5)
        canvas.box(480, y - 24, 112, 48, PALE_ORANGE, ORANGE)
        canvas.text(536, y, texts["gradient"].format(rank), 15)
        canvas.box(722, y - 24, 112, 48, PALE_GREEN, GREEN)
        canvas.text(778, y, texts["step"], 15)
        towards = -1 if rank else 1
        canvas.arrow([(574, y + 24 * towards), (612, middle - 20 * towards)], ORANGE, 3)
        canvas.arrow([(654, middle - 20 * towards), (682, y), (719, y)], ORANGE, 3, bend=14)
    canvas.box(594, middle - 20, 92, 40, "#FFFFFF", ORANGE, 2.5)
    canvas.text(640, middle, texts["mean"], 16, ORANGE, bold=True)
    return canvas
