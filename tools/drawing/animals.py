"""Larger animals, from above or from the side, heads towards +x."""

import math

from .colours import BLACK_EYE, Colour, any_hue, darker, hsv, lighter
from .pen import TURN, Pen, Point, band_outline, curve, petal_outline

SIDES = (1, -1)


def toes(pen: Pen, foot: Point, length: float, width: float, colour: Colour, spread: float = 0.07) -> None:
    """Three toes in front of a foot."""
    for i in (-1, 0, 1):
        pen.stroke([foot, (foot[0] + length, foot[1] + i * spread)], width, width / 2, colour)


def fish(pen: Pen) -> None:
    """A fish from the side, often striped."""
    rng = pen.rng
    colour, fins, height = any_hue(rng), any_hue(rng), rng.uniform(0.2, 0.4)
    pen.polygon([(-0.5, 0), (-0.95, -0.32), (-0.82, 0), (-0.95, 0.32)], fins, shade=0.4, outline=0.03)
    pen.polygon([(0.15, -height * 0.8), (-0.1, -height - 0.22), (-0.4, -height * 0.5)], fins, shade=0.3)
    pen.polygon([(0.1, height * 0.8), (-0.1, height + 0.16), (-0.25, height * 0.6)], fins, shade=0.3)
    pen.polygon(petal_outline(1.4, height, 0.6, -0.62), colour, shade=0.8, outline=0.03)
    if rng.random() < 0.5:
        for i in range(rng.randint(2, 4)):
            start = 0.25 + 0.18 * i
            pen.polygon(band_outline(-0.6, 0.75, height * 0.93, start, start + 0.07, 0.06), fins, 220)
    pen.dot(0.5, -0.06, 0.07, (245, 245, 235))
    pen.dot(0.52, -0.06, 0.035, BLACK_EYE)
    pen.polygon([(0.15, 0.05), (-0.05, 0.2), (0.1, 0.2)], fins, 230, shade=0.3)


def bird(pen: Pen) -> None:
    """A bird from the side, its wing laid on or lifted."""
    rng = pen.rng
    colour, wings, beak = any_hue(rng, (0.2, 0.8)), any_hue(rng, (0.2, 0.8)), hsv(0.1, 0.7, 0.8)
    for x in (-0.02, 0.1):
        pen.limb([(x, 0.3), (x + 0.03, 0.55), (x + 0.13, 0.57)], 0.03, 0.02, darker(beak, 0.3))
    tail = [(-0.3, 0.05), (-0.95, rng.uniform(0, 0.3)), (-0.9, 0.34), (-0.2, 0.25)]
    pen.polygon(tail, darker(colour, 0.25), shade=0.4)
    pen.ellipse(-0.02, 0.08, 0.42, 0.28, colour, turn=-0.25)
    pen.ellipse(0.12, 0.16, 0.25, 0.19, lighter(wings, 0.3), shade=0.4, outline=0)
    pen.polygon([(0.52, -0.26), (0.78, -0.16), (0.52, -0.12)], beak, shade=0.4, outline=0.05)
    pen.ellipse(0.38, -0.2, 0.21, 0.19, rng.choice((colour, wings)))
    pen.dot(0.44, -0.23, 0.035, BLACK_EYE)
    with pen.placed(0.15, 0, math.pi - rng.uniform(0.1, 1.2)):
        pen.polygon(petal_outline(rng.uniform(0.55, 0.8), 0.19, 0.4), darker(wings, 0.15), shade=0.5, outline=0.03)
        for y in (-0.07, 0, 0.07):
            pen.stroke([(0.2, y), (0.55, 0.6 * y)], 0.02, 0.01, darker(wings, 0.5))


def frog(pen: Pen) -> None:
    """A sitting frog from above."""
    rng = pen.rng
    green = hsv(rng.uniform(0.2, 0.4), 0.6, rng.uniform(0.35, 0.75))
    colour = green if rng.random() < 0.5 else any_hue(rng, (0.5, 0.8), (0.4, 0.8))
    dark = darker(colour, 0.2)
    for side in SIDES:
        hind = [(-0.3, side * 0.2), (-0.02, side * 0.52), (-0.5, side * 0.6), (-0.68, side * 0.5)]
        pen.limb(hind, 0.2, 0.07, dark)
        pen.limb([(0.2, side * 0.22), (0.3, side * 0.45), (0.48, side * 0.48)], 0.12, 0.06, dark)
        toes(pen, (-0.66, side * 0.5), -0.17, 0.05, dark, 0.12)
        toes(pen, (0.46, side * 0.48), 0.14, 0.04, dark, 0.12)
    pen.ellipse(-0.05, 0, 0.45, 0.3, colour)
    pen.ellipse(0.32, 0, 0.28, 0.27, colour)
    for side in SIDES:
        pen.ellipse(0.38, side * 0.2, 0.1, 0.09, lighter(colour, 0.2))
        pen.dot(0.4, side * 0.22, 0.05, BLACK_EYE)
    for _ in range(rng.randint(0, 7)):
        pen.dot(rng.uniform(-0.4, 0.2), rng.uniform(-0.2, 0.2), 0.048, darker(colour))


def turtle(pen: Pen) -> None:
    """A turtle from above, its shell of seven plates."""
    rng = pen.rng
    shell = hsv(rng.uniform(0.06, 0.35), rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.6))
    skin = hsv(rng.uniform(0.1, 0.35), rng.uniform(0.3, 0.6), rng.uniform(0.4, 0.7))
    for side in SIDES:
        with pen.placed(0.32, side * 0.34, side * 0.7):
            pen.ellipse(0.12, 0, 0.24, 0.1, skin)
        with pen.placed(-0.36, side * 0.34, side * 2.3):
            pen.ellipse(0.08, 0, 0.17, 0.09, skin)
    pen.stroke([(-0.5, 0), (-0.75, 0)], 0.1, 0.01, skin)
    pen.ellipse(rng.uniform(0.56, 0.68), 0, 0.19, 0.14, skin)
    for side in SIDES:
        pen.dot(0.68, side * 0.07, 0.025, BLACK_EYE)
    pen.ellipse(-0.05, 0, 0.5, 0.43, darker(shell, 0.3))
    plate = [(math.cos(TURN * i / 6), math.sin(TURN * i / 6)) for i in range(6)]
    with pen.placed(-0.05, 0, scale=0.14):
        pen.polygon(plate, shell, shade=0.6)
    for i in range(6):
        angle = TURN * (i + 0.5) / 6
        with pen.placed(0.29 * math.cos(angle) - 0.05, 0.26 * math.sin(angle), scale=0.12):
            pen.polygon(plate, shell, shade=0.6)


def crab(pen: Pen) -> None:
    """A crab from above, claws forward."""
    rng = pen.rng
    red = hsv(rng.uniform(-0.03, 0.08), 0.75, rng.uniform(0.5, 0.85))
    colour = red if rng.random() < 0.5 else any_hue(rng, (0.3, 0.6), (0.4, 0.7))
    for side in SIDES:
        for i in range(3):
            leg = [(0.02 - 0.12 * i, side * 0.34), (0.12 - 0.22 * i, side * 0.6), (-0.3 * i, side * 0.78)]
            pen.limb(leg, 0.06, 0.03, darker(colour, 0.2))
        x, y = 0.48, side * rng.uniform(0.44, 0.58)
        pen.limb([(0.15, side * 0.3), (0.2, side * 0.55), (x, y)], 0.1, 0.09, colour)
        for half in SIDES:
            pen.stroke(curve((x, y), (x + 0.2, y + half * 0.18), (x + 0.34, y + half * 0.03)), 0.14, 0.03, colour)
        pen.stroke([(0.25, side * 0.1), (0.4, side * 0.13)], 0.04, 0.04, colour)
        pen.dot(0.42, side * 0.13, 0.047, BLACK_EYE)
    pen.ellipse(0, 0, 0.3, 0.44, colour)
    for _ in range(6):
        pen.dot(rng.uniform(-0.15, 0.15), rng.uniform(-0.3, 0.3), 0.035, lighter(colour, 0.3))


def lizard(pen: Pen) -> None:
    """A lizard from above with a swinging tail."""
    rng = pen.rng
    colour = hsv(rng.uniform(0.05, 0.4), rng.uniform(0.3, 0.7), rng.uniform(0.35, 0.7))
    swing, dark = rng.uniform(-0.5, 0.5), darker(colour, 0.15)
    for side in SIDES:
        pen.limb([(0.3, side * 0.06), (0.4, side * 0.28), (0.54, side * 0.3)], 0.08, 0.04, dark)
        pen.limb([(-0.1, side * 0.06), (-0.2, side * 0.3), (-0.05, side * 0.38)], 0.09, 0.04, dark)
        toes(pen, (0.54, side * 0.3), 0.1, 0.03, dark)
        toes(pen, (-0.05, side * 0.38), 0.1, 0.03, dark)
    pen.stroke(curve((-0.1, 0), (-0.6, -swing * 0.4), (-1, swing)), 0.2, 0.02, colour)
    pen.ellipse(0.1, 0, 0.34, 0.13, colour)
    pen.ellipse(0.54, 0, 0.18, 0.11, colour, egg=-0.2)
    for i in range(6):
        pen.dot(0.35 - 0.13 * i, rng.uniform(-0.04, 0.04), 0.042, darker(colour))
    for side in SIDES:
        pen.dot(0.6, side * 0.07, 0.025, BLACK_EYE)


def starfish(pen: Pen) -> None:
    """Five arms with rows of pale warts."""
    rng = pen.rng
    colour, waist = any_hue(rng, (0.5, 0.85), (0.5, 0.9)), rng.uniform(0.3, 0.42)
    outline = []
    for i in range(10):
        radius = waist if i % 2 else 0.85
        outline.append((radius * math.cos(TURN * i / 10), radius * math.sin(TURN * i / 10)))
    pen.polygon(outline, colour, shade=0.8, outline=0.05)
    for i in range(5):
        with pen.placed(turn=TURN * i / 5):
            for k in range(1, 7):
                pen.dot(0.12 * k, 0, 0.042 - 0.002 * k, lighter(colour))
