"""What insects have in common: body colours, six legs, veined wings. Bodies lie along x, heads towards +x."""

import math
import random

from .colours import WHITE, Colour, darker, hsv
from .pen import Pen, Point, curve, petal_outline

SIDES = (1, -1)


def body_colour(rng: random.Random) -> Colour:
    """The colour of an insect: black, brown, amber, red, grey or straw."""
    return rng.choice(
        (
            hsv(rng.uniform(0, 0.05), rng.uniform(0.3, 0.7), rng.uniform(0.1, 0.25)),
            hsv(rng.uniform(0.03, 0.09), rng.uniform(0.5, 0.8), rng.uniform(0.3, 0.5)),
            hsv(rng.uniform(0.06, 0.12), rng.uniform(0.55, 0.85), rng.uniform(0.55, 0.85)),
            hsv(rng.uniform(0, 0.04), rng.uniform(0.6, 0.8), rng.uniform(0.4, 0.6)),
            hsv(rng.random(), rng.uniform(0, 0.15), rng.uniform(0.12, 0.3)),
            hsv(rng.uniform(0.1, 0.16), rng.uniform(0.3, 0.5), rng.uniform(0.5, 0.75)),
        )
    )


def wing_colour(rng: random.Random) -> Colour:
    """The colour of a clear or smoky wing."""
    return rng.choice(((222, 228, 236), (235, 225, 200), (200, 205, 215), (170, 150, 130), (215, 225, 205)))


def legs_from_above(pen: Pen, roots: tuple[float, float, float], reach: float, width: float, colour: Colour) -> None:
    """Six legs from the places `roots` along the body (front, middle, hind), about `reach` long."""
    rng = pen.rng
    for side in SIDES:
        for root, forward, length in zip(roots, (0.9, 0.1, -0.9), (0.95, 0.9, 1.1)):
            angle = forward + rng.uniform(-0.28, 0.28)
            length *= reach * rng.uniform(0.85, 1.15)
            knee = (root + length * 0.42 * math.sin(angle), side * (0.05 + length * 0.5 * math.cos(angle / 2)))
            shin = length * 0.48 * math.cos(angle) * rng.uniform(0.6, 1.1)
            ankle = (knee[0] + length * 0.55 * math.sin(angle * 1.25), knee[1] + side * shin)
            foot = (ankle[0] + length * 0.16 * math.sin(angle * 1.2), ankle[1] + side * length * 0.1)
            pen.limb([(root, side * 0.03), knee, ankle, foot], width, width * 0.4, colour)


def wing(pen: Pen, root: Point, turn: float, length: float, half_width: float, colour: Colour, alpha: int) -> None:
    """A veined wing from `root` in the direction `turn`; `alpha` (0 to 255) says how clear it is."""
    membrane = petal_outline(length, half_width, 0.66)
    with pen.placed(*root, turn):
        pen.polygon(membrane, darker(colour, 0.45), min(255, alpha + 40))
        pen.polygon([(0.97 * x + 0.01 * length, 0.93 * y) for x, y in membrane], colour, alpha)
        for spread in (-0.43, 0, 0.43):
            end = (length * 0.9, spread * half_width * 0.8)
            vein = curve((0, 0), (length / 2, spread * half_width * 0.7), end)
            pen.stroke(vein, 0.016, 0.008, darker(colour, 0.55), min(255, alpha + 60))
        crest = (length * 0.4, half_width * 0.75)
        glint = curve((length * 0.1, half_width * 0.15), crest, (length * 0.75, half_width / 2))
        pen.stroke(glint, 0.03, 0.01, WHITE, 90)
