"""Things that stand or lie still, upright, about their origin."""

import math

from .colours import any_hue, darker, hsv, jitter, lighter
from .pen import TURN, Pen, curve, petal_outline
from .plants import leaf


def mushroom(pen: Pen) -> None:
    """A mushroom from the side, often with pale flecks on its cap."""
    rng = pen.rng
    brown = hsv(rng.uniform(-0.03, 0.12), rng.uniform(0.4, 0.85), rng.uniform(0.4, 0.85))
    colour = brown if rng.random() < 0.5 else any_hue(rng, (0.1, 0.4))
    stalk, height = hsv(0.1, 0.12, rng.uniform(0.75, 0.95)), rng.uniform(0.45, 0.8)
    pen.polygon([(-0.14, -0.1), (-0.19, 0.7), (0, 0.78), (0.19, 0.7), (0.14, -0.1)], stalk, shade=0.7, outline=0.02)
    ring = curve((-0.22, 0.15), (0, 0.3), (0.22, 0.15)) + [(0.15, 0.05), (-0.15, 0.05)]
    pen.polygon(ring, lighter(stalk, 0.3), shade=0.3)
    left, right = (-0.68, 0.05), (0.68, 0.05)
    dome = curve(left, (-0.6, -height), (0, -height)) + curve((0, -height), (0.6, -height), right)
    pen.polygon(dome + curve(right, (0, 0.22), left), colour, shade=0.9, outline=0.03)
    if rng.random() < 0.6:
        for _ in range(7):
            place = (rng.uniform(-0.42, 0.42), rng.uniform(-0.7 * height, -0.05))
            width, flat = rng.uniform(0.04, 0.1), rng.uniform(0.04, 0.07)
            pen.ellipse(*place, width, flat, lighter(colour, 0.75), shade=0.2, outline=0, corners=10)


def single_leaf(pen: Pen) -> None:
    """A leaf, simple or of five fingers."""
    rng = pen.rng
    colour = hsv(rng.uniform(0.02, 0.36), rng.uniform(0.4, 0.8), rng.uniform(0.35, 0.85))
    if rng.random() < 0.5:
        with pen.placed(-0.85):
            leaf(pen, 1.7, rng.uniform(0.3, 0.6), colour)
            pen.stroke([(-0.3, 0), (0.1, 0)], 0.05, 0.05, darker(colour, 0.3))
        return
    pen.stroke([(-0.95, 0), (0, 0)], 0.05, 0.05, darker(colour, 0.3))
    for turn, length in ((0, 0.95), (0.8, 0.8), (-0.8, 0.8), (1.7, 0.6), (-1.7, 0.6)):
        with pen.placed(-0.2, 0, turn):
            leaf(pen, length, length * 0.3, colour)


def fern(pen: Pen) -> None:
    """A frond: many small leaves in pairs along a bent stalk."""
    rng = pen.rng
    colour, bend = hsv(rng.uniform(0.12, 0.4), rng.uniform(0.4, 0.75), rng.uniform(0.35, 0.75)), rng.uniform(-0.7, 0.7)
    stalk = curve((-0.95, 0), (0.1, -bend), (0.95, bend), 15)
    pen.stroke(stalk, 0.05, 0.02, darker(colour, 0.3))
    for i in range(2, 15):
        (x0, y0), (x, y) = stalk[i - 1], stalk[i]
        length = 0.55 * math.sin(math.pi * (1 - i / 16) ** 0.7)
        for side in (1, -1):
            with pen.placed(x, y, math.atan2(y - y0, x - x0) + side * rng.uniform(1, 1.15)):
                pen.polygon(petal_outline(length, 0.055, 0.35), jitter(rng, colour, 10), shade=0.4, outline=0.03)


def tree(pen: Pen) -> None:
    """A tree with a round crown, or a fir."""
    rng = pen.rng
    hue = rng.uniform(0.2, 0.38) if rng.random() < 0.5 else rng.uniform(0.02, 0.12)
    colour = hsv(hue, rng.uniform(0.4, 0.75), rng.uniform(0.35, 0.75))
    pen.stroke([(0, 0.9), (0, -0.1)], 0.2, 0.12, hsv(0.07, 0.5, rng.uniform(0.25, 0.45)))
    if rng.random() < 0.5:
        for _ in range(22):
            angle, distance = rng.uniform(0, TURN), rng.uniform(0, 0.45)
            place = (distance * math.cos(angle), distance * math.sin(angle) - 0.3)
            pen.ellipse(*place, 0.22, 0.2, jitter(rng, colour), shade=0.5, outline=0.03, corners=12)
        return
    for i in range(4):
        width, y = 0.62 - 0.13 * i, 0.45 - 0.36 * i
        hem = [(width, y), (width / 2, y + 0.06), (0, y + 0.02), (-width / 2, y + 0.06)]
        pen.polygon([(-width, y), (0, y - 0.6), *hem], jitter(rng, colour, 6), shade=0.6, outline=0.03)


def house(pen: Pen) -> None:
    """A house with a gable, a chimney, a door and two windows."""
    rng = pen.rng
    walls, roof = any_hue(rng, (0.1, 0.5), (0.6, 0.95)), any_hue(rng, (0.4, 0.8), (0.35, 0.7))
    half, eaves = rng.uniform(0.45, 0.65), rng.uniform(-0.15, 0.15)
    ground = 0.75
    pen.polygon([(-half, ground), (-half, eaves), (half, eaves), (half, ground)], walls, shade=0.4, outline=0.02)
    chimney = [(0.25, eaves - 0.1), (0.25, eaves - 0.5), (0.4, eaves - 0.5), (0.4, eaves - 0.1)]
    pen.polygon(chimney, darker(roof, 0.3))
    ridge = eaves - rng.uniform(0.4, 0.6)
    pen.polygon([(-half - 0.14, eaves), (0, ridge), (half + 0.14, eaves)], roof, shade=0.5, outline=0.02)
    pen.polygon([(-0.1, ground), (-0.1, 0.32), (0.12, 0.32), (0.12, ground)], any_hue(rng), shade=0.3, outline=0.05)
    for x in (-0.62 * half, 0.62 * half):
        pane = [(x - 0.12, 0.2), (x + 0.12, 0.2), (x + 0.12, 0.44), (x - 0.12, 0.44)]
        pen.polygon(pane, (200, 222, 240), outline=0.15)
        pen.stroke([(x, 0.2), (x, 0.44)], 0.02, 0.02, (70, 60, 60))
        pen.stroke([(x - 0.12, 0.32), (x + 0.12, 0.32)], 0.02, 0.02, (70, 60, 60))


def strawberry(pen: Pen) -> None:
    """A ripe strawberry."""
    rng = pen.rng
    colour = hsv(rng.uniform(-0.04, 0.03), 0.8, rng.uniform(0.6, 0.9))
    right = curve((0, -0.5), (0.7, -0.55), (0.55, 0.05), 8) + curve((0.55, 0.05), (0.35, 0.6), (0, 0.75), 8)
    pen.polygon(right + [(-x, y) for x, y in right[-2:0:-1]], colour, shade=1, outline=0.03)
    for _ in range(26):
        y = rng.uniform(-0.4, 0.6)
        x = rng.uniform(-0.45, 0.45) * (1 - 0.9 * max(0, y))
        pen.ellipse(x, y, 0.025, 0.035, (240, 214, 120), shade=0, outline=0.3, corners=8)
    for i in range(7):
        with pen.placed(0, -0.5, TURN * i / 7 * 0.55 - 0.2):
            pen.polygon(petal_outline(0.42, 0.09), hsv(0.3, 0.6, 0.55), shade=0.4, outline=0.03)
    pen.stroke(curve((0, -0.5), (0.05, -0.75), (0.15, -0.85)), 0.06, 0.05, hsv(0.28, 0.6, 0.45))
