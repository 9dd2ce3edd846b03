"""Leaves and blossoms: they lie in backgrounds, in front of things, and can be things of their own."""

import math

from .colours import Colour, darker, jitter, lighter
from .pen import TURN, Pen, petal_outline

GOLDEN_ANGLE = 2.39996  # between one seed of a flower head and the next, radians


def leaf(pen: Pen, length: float, half_width: float, colour: Colour) -> None:
    """A leaf with veins from the origin along +x."""
    pen.polygon(petal_outline(length, half_width, 0.45), colour, shade=0.35, outline=0.03)
    vein = lighter(colour, 0.28)
    pen.stroke([(0, 0), (length * 0.96, 0)], half_width * 0.13, half_width * 0.04, vein)
    for i in range(1, 6):
        along = i / 6.5
        height = half_width * math.sin(math.pi * along**0.87) * 0.8
        for side in (1, -1):
            tip = (length * (along + 0.12), side * height)
            pen.stroke([(length * along, 0), tip], half_width * 0.06, half_width * 0.03, vein)


def blossom(
    pen: Pen, petals: int, length: float, half_width: float, colour: Colour,
    layers: int = 1, widest: float = 0.62, centre: Colour | None = None, centre_radius: float = 0.25,
) -> None:  # fmt: skip
    """A ring of petals around the origin, in one or more layers, with a seed head if `centre` gives its colour."""
    rng = pen.rng
    for layer in range(layers):
        first = rng.uniform(0, TURN)
        for i in range(petals):
            tint = jitter(rng, colour, 10)
            with pen.placed(turn=first + TURN * i / petals + rng.uniform(-0.06, 0.06), scale=1 - 0.22 * layer):
                outline = petal_outline(length * rng.uniform(0.92, 1.05), half_width, widest, start=0.04)
                pen.polygon(outline, tint, shade=0.45, outline=0.03)
                fold = [(length * 0.15, 0), (length * 0.75, 0)]
                pen.stroke(fold, half_width * 0.08, half_width * 0.03, darker(tint, 0.2), 150)
    if centre:
        seed_head(pen, centre_radius, centre)


def seed_head(pen: Pen, radius: float, colour: Colour, seeds: int = 26) -> None:
    """A round flower centre at the origin with its seeds in a spiral."""
    pen.ellipse(0, 0, radius, radius, colour)
    for i in range(seeds):
        angle, distance = i * GOLDEN_ANGLE, radius * 0.92 * math.sqrt(i / seeds)
        tint = jitter(pen.rng, lighter(colour, 0.25), 20)
        pen.dot(distance * math.cos(angle), distance * math.sin(angle), radius * 0.09, tint)
