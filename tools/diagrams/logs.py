"""Lesson 09: what a log looks like on the website of Weights & Biases, and on a phone."""

import math
from collections.abc import Callable

from diagrams.canvas import Canvas, Texts
from diagrams.style import BLUE, GREY, HAIRLINE, INK, ORANGE, PALE, PAPER, SMALL

RUNS = {"linear": BLUE, "hidden": ORANGE}
Curve = Callable[[float], float]  # height from 0 to 1 over a time from 0 to 1
CHARTS: dict[str, dict[str, Curve]] = {
    "epoch/val_f1": {
        "linear": lambda t: 0.85 - 0.75 * math.exp(-5 * t),
        "hidden": lambda t: 0.86 - 0.7 * math.exp(-11 * t) + 0.02 * math.sin(40 * t),
    },
    "epoch/val_loss": {
        "linear": lambda t: 0.22 + 0.7 * math.exp(-4 * t),
        "hidden": lambda t: 0.2 + 0.7 * math.exp(-12 * t) + 0.22 * t**2 + 0.02 * math.sin(40 * t),
    },
    "batch/train_loss": {
        "linear": lambda t: 0.2 + 0.72 * math.exp(-4 * t) + 0.025 * math.sin(150 * t),
        "hidden": lambda t: 0.06 + 0.85 * math.exp(-6 * t) + 0.03 * math.sin(170 * t),
    },
    "batch/train_accuracy": {
        "linear": lambda t: 0.82 - 0.7 * math.exp(-5 * t) + 0.03 * math.sin(160 * t),
        "hidden": lambda t: 0.94 - 0.8 * math.exp(-7 * t) + 0.025 * math.sin(140 * t),
    },
}


def wandb_project(texts: Texts) -> Canvas:
    canvas = Canvas(400, texts["title"])
    canvas.box(20, 20, 620, 360, PAPER, GREY)
    canvas.box(20, 20, 620, 40, PALE, GREY)
    canvas.text(36, 40, texts["address"], SMALL, GREY, "start", mono=True)
    canvas.line([(160, 60), (160, 380)], HAIRLINE, 1.5)
    canvas.text(36, 86, texts["runs"], 16, anchor="start", bold=True)
    for index, (name, color) in enumerate(RUNS.items()):
        canvas.circle(44, 122 + 34 * index, 6, color)
        canvas.text(60, 122 + 34 * index, name, anchor="start")
    for index, name in enumerate(CHARTS):
        chart(canvas, 176 + 230 * (index % 2), 74 + 152 * (index // 2), 218, 140, name)
    canvas.box(676, 20, 164, 360, PALE, INK, 2.5, round=20)
    canvas.box(686, 50, 144, 300, PAPER, GREY, round=2)
    canvas.circle(758, 365, 7, PAPER, GREY, 1.5)
    for index, name in enumerate(list(CHARTS)[:2]):
        chart(canvas, 692, 58 + 144 * index, 132, 138, name)
    return canvas


def chart(canvas: Canvas, x: float, y: float, width: float, height: float, name: str) -> None:
    """One name, a line for each run."""
    canvas.box(x, y, width, height, PAPER, HAIRLINE)
    canvas.text(x + width / 2, y + 16, name, SMALL, bold=True)
    left, right, top, bottom = x + 14, x + width - 10, y + 34, y + height - 12
    canvas.line([(left, top), (left, bottom), (right, bottom)], GREY, 1)
    for run, curve in CHARTS[name].items():
        times = [step / 60 for step in range(61)]
        points = [(left + t * (right - left), bottom - curve(t) * (bottom - top)) for t in times]
        canvas.line(points, RUNS[run], 2)
