"""What the flowers have in common: colours, stems and leaves. Flowers grow along -y and stand on y = 1.1."""

import math
import random

from .colours import Colour, darker, hsv, jitter, lighter
from .pen import TURN, Pen, Point, curve, petal_outline
from .plants import GOLDEN_ANGLE, leaf

UP = -TURN / 4
SIDES = (1, -1)


def petal_colour(rng: random.Random) -> Colour:
    """The colour of petals: pink or red, yellow, white, violet or orange."""
    return rng.choice(
        (
            hsv(rng.uniform(0.9, 1.02), rng.uniform(0.4, 0.8), 0.9),
            hsv(rng.uniform(0.125, 0.15), 0.75, 0.95),
            (244, 240, 236),
            hsv(rng.uniform(0.66, 0.82), rng.uniform(0.35, 0.6), 0.85),
            hsv(rng.uniform(0.045, 0.075), 0.75, 0.92),
        )
    )


def centre_colour(rng: random.Random) -> Colour:
    """The colour of a flower's middle: gold, amber, brown, nearly black or green."""
    return rng.choice(
        (hsv(0.13, 0.85, 0.9), hsv(0.09, 0.8, 0.75), hsv(0.07, 0.6, 0.35), (52, 44, 40), hsv(0.2, 0.5, 0.55))
    )


def stem_colour(rng: random.Random) -> Colour:
    """A green."""
    return hsv(rng.uniform(0.24, 0.36), rng.uniform(0.4, 0.7), rng.uniform(0.35, 0.6))


def stem(pen: Pen, top: float = 0, leaves: bool = True) -> None:
    """A stem from the height `top` down to the ground, with or without two leaves."""
    rng = pen.rng
    colour = stem_colour(rng)
    foot = (rng.uniform(-0.15, 0.15), 1.1)
    pen.stroke(curve((0, top), (rng.uniform(-0.1, 0.1), 0.6), foot), 0.07, 0.06, colour)
    if leaves:
        for side in SIDES:
            with pen.placed(0, 0.88, UP + side * rng.uniform(0.4, 0.9)):
                leaf(pen, rng.uniform(0.4, 0.65), rng.uniform(0.09, 0.13), colour)


def narrow_leaves(pen: Pen, foot: Point, reach: float, width: float, stripe: bool = False) -> None:
    """Two leaves like blades of grass from `foot`, one to each side, sometimes with a pale stripe."""
    rng = pen.rng
    colour = stem_colour(rng)
    x, y = foot
    for side in SIDES:
        length = reach * rng.uniform(0.8, 1.1)
        blade = curve(foot, (x + side * length * 0.3, y - length * 0.6), (x + side * length * 0.7, y - length))
        pen.stroke(blade, width, width / 6, colour)
        if stripe:
            pen.stroke(blade, width / 4, width / 8, lighter(colour, 0.5), 200)


def petal(pen: Pen, length: float, half_width: float, colour: Colour, widest: float = 0.5, folds: int = 1) -> None:
    """A petal from the origin along +x with fine lines along it."""
    tint = jitter(pen.rng, colour, 12)
    pen.polygon(petal_outline(length, half_width, widest), tint, shade=0.65, outline=0.03)
    for i in range(folds):
        spread = (i - (folds - 1) / 2) * half_width * 0.7
        line = curve((length * 0.12, 0), (length * 0.5, spread * 1.4), (length * 0.88, spread * 0.4))
        pen.stroke(line, half_width * 0.08, half_width * 0.03, darker(tint, 0.25), 150)


def ruffled_petal(pen: Pen, radius: float, spread: float, colour: Colour) -> None:
    """A broad petal like a fan around +x: `spread` radians to either side, its edge in waves."""
    rng = pen.rng
    tint, phase = jitter(rng, colour, 12), rng.uniform(0, TURN)
    outline = [(0.0, 0.0)]
    for i in range(15):
        share = i / 7 - 1
        reach = radius * (1 - 0.28 * share**4 + 0.035 * math.sin(4 * share + phase) + 0.02 * math.sin(9 * share))
        outline.append((reach * math.cos(spread * share), reach * math.sin(spread * share)))
    pen.polygon(outline, tint, shade=0.6, outline=0.03)
    for share in (-0.5, -0.17, 0.17, 0.5):
        angle, reach = spread * share, radius * rng.uniform(0.7, 0.85)
        crease = [(reach * 0.3 * math.cos(angle), reach * 0.3 * math.sin(angle))]
        pen.stroke([*crease, (reach * math.cos(angle), reach * math.sin(angle))], 0.02, 0.008, darker(tint, 0.25), 130)


def stamens(pen: Pen, count: int, length: float, colour: Colour, tip: Colour) -> None:
    """Threads with a small tip each, all round the origin."""
    for i in range(count):
        angle = i * GOLDEN_ANGLE
        reach = length * pen.rng.uniform(0.75, 1.05)
        end = (reach * math.cos(angle), reach * math.sin(angle))
        pen.stroke([(0, 0), end], 0.018, 0.014, colour)
        pen.dot(*end, 0.03, tip)
