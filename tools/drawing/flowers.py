"""Ten flowers, upright, about their origin.

They take the colours of their petals, middles and stems from the same distributions. What tells them apart is shape:
how many petals there are, of what form and in what order, and what sits in their middle.
"""

import math

from .colours import Colour, darker, hsv, jitter, lighter, mix
from .flower_parts import (
    UP,
    centre_colour,
    narrow_leaves,
    petal,
    petal_colour,
    ruffled_petal,
    stamens,
    stem,
    stem_colour,
)
from .pen import TURN, Pen, curve
from .plants import GOLDEN_ANGLE, blossom, seed_head

HEAD = -0.1  # height of a flower head's middle above the origin, downwards


def daisy(pen: Pen) -> None:
    """Many narrow petals round a small button."""
    rng = pen.rng
    stem(pen)
    with pen.placed(0, HEAD):
        petals, layers = rng.randint(13, 20), rng.randint(1, 2)
        blossom(pen, petals, 0.72, 0.085, petal_colour(rng), layers, 0.66, centre_colour(rng), 0.19)


def sunflower(pen: Pen) -> None:
    """Two rings of pointed petals round a head of seeds, half as wide as the flower."""
    rng = pen.rng
    stem(pen)
    colour, centre = petal_colour(rng), centre_colour(rng)
    with pen.placed(0, HEAD):
        blossom(pen, rng.randint(16, 22), 0.82, 0.11, colour, 2, 0.5)
        pen.ellipse(0, 0, 0.45, 0.45, darker(centre, 0.35))
        seed_head(pen, 0.39, centre, 60)


def poppy(pen: Pen) -> None:
    """Four or five broad, ruffled petals with dark feet round a capsule in a ring of stamens."""
    rng = pen.rng
    stem(pen, leaves=False)
    colour, centre = petal_colour(rng), centre_colour(rng)
    petals, first = rng.randint(4, 5), rng.uniform(0, TURN)
    with pen.placed(0, HEAD):
        for i in range(petals):
            with pen.placed(turn=first + (i * 2 % petals if petals == 5 else i) * TURN / petals):
                ruffled_petal(pen, 0.78 * rng.uniform(0.93, 1.05), 4.1 / petals, colour)
        for i in range(petals):
            angle = first + TURN * i / petals
            pen.ellipse(0.2 * math.cos(angle), 0.2 * math.sin(angle), 0.17, 0.09, darker(colour, 0.7),
                        turn=angle, alpha=190, shade=0, outline=0, corners=14)  # fmt: skip
        stamens(pen, 22, 0.27, darker(centre, 0.5), darker(centre, 0.2))
        pen.ellipse(0, 0, 0.12, 0.12, centre, corners=14)
        for i in range(5):
            angle = TURN * i / 5
            pen.stroke([(0, 0), (0.1 * math.cos(angle), 0.1 * math.sin(angle))], 0.02, 0.015, darker(centre, 0.5))


def tulip(pen: Pen) -> None:
    """A cup of a few large petals, seen from the side."""
    rng = pen.rng
    stem(pen)
    colour, opened = petal_colour(rng), rng.uniform(0.75, 1.25)
    back, side, front = darker(colour, 0.28), darker(colour, 0.08), lighter(colour, 0.08)
    rows = ((-0.1, -0.1, 0.82, 0.2, back), (0.1, 0.1, 0.82, 0.2, back), (-0.19, -0.2, 0.86, 0.24, side),
            (0.19, 0.2, 0.86, 0.24, side), (0, 0, 0.8, 0.25, front))  # fmt: skip
    for x, lean, length, half_width, tint in rows:
        with pen.placed(x, 0.13 - abs(x) / 4, UP + lean * opened):
            petal(pen, length, half_width, tint, 0.42)


def bluebell(pen: Pen) -> None:
    """Bells that hang from an arching stem."""
    rng = pen.rng
    colour, green = petal_colour(rng), stem_colour(rng)
    narrow_leaves(pen, (-0.3, 1.1), rng.uniform(0.7, 1.1), 0.12)
    arch = curve((-0.3, 1.1), (-0.42, -1.15), (0.62, -0.72), 25)
    pen.stroke(arch, 0.06, 0.025, green)
    for i, place in enumerate((9, 12, 15, 18, 21, 24)):
        x, y = arch[place]
        side = 1 if i % 2 else -1
        size = 0.38 - 0.03 * i
        mouth = (0.16 * side * (1 - i / 7), 0.1)
        pen.stroke(curve((x, y), (x + mouth[0], y - 0.02), (x + mouth[0], y + mouth[1])), 0.025, 0.025, green)
        with pen.placed(x + mouth[0], y + mouth[1], -side * rng.uniform(0, 0.35) * (1 - i / 7), size):
            bell(pen, jitter(rng, colour, 12))


def bell(pen: Pen, colour: Colour) -> None:
    """A bell that hangs from the origin, one unit long, the tips of its mouth rolled outwards."""
    left = curve((0, -0.06), (-0.5, -0.02), (-0.3, 0.55), 6) + curve((-0.32, 0.75), (-0.42, 1), (-0.66, 0.86), 5)
    mouth = curve((-0.5, 1.12), (-0.25, 1.1), (-0.2, 0.98), 4) + [(0, 1.24)]
    half = left + mouth
    pen.polygon(half + [(-x, y) for x, y in half[-2::-1]], colour, shade=0.75, outline=0.05)
    for x in (-0.17, 0.17):
        pen.stroke(curve((x / 2, 0.05), (x * 1.2, 0.3), (x, 0.95)), 0.05, 0.03, darker(colour, 0.25), 150)


def rose(pen: Pen) -> None:
    """Ring within ring of rounded petals, wrapped round one another."""
    rng = pen.rng
    stem(pen)
    colour = petal_colour(rng)
    with pen.placed(0, HEAD):
        for ring, (petals, size) in enumerate(((6, 0.5), (5, 0.38), (5, 0.27), (4, 0.17), (3, 0.08))):
            first = rng.uniform(0, TURN)
            for i in range(petals):
                angle = first + TURN * i / petals
                place = (size * 0.62 * math.cos(angle), size * 0.62 * math.sin(angle))
                tint = jitter(rng, darker(colour, 0.06 * ring), 9)
                pen.ellipse(*place, size * 0.72, size * 0.52, tint, turn=angle + TURN / 4, shade=0.55, corners=16)


def pansy(pen: Pen) -> None:
    """Five round petals, two above and three below, with a dark face of fine lines."""
    rng = pen.rng
    upper, lower = petal_colour(rng), petal_colour(rng)
    face = darker(mix(upper, lower, 0.5), 0.7)
    stem(pen, leaves=False)
    for x in (-0.3, 0.3):
        pen.ellipse(x, -0.42, 0.39, 0.35, jitter(rng, upper, 8), shade=0.6, outline=0.04, wobble=0.025)
    for x, y, radius in ((-0.42, 0, 0.35), (0.42, 0, 0.35), (0, 0.29, 0.43)):
        pen.ellipse(x, y, radius, radius * 0.9, jitter(rng, lower, 8), shade=0.6, outline=0.04, wobble=0.025)
        for bend in (-0.3, 0, 0.3):
            tip = (0.9 * x - bend * y, 0.95 * y + bend * x)
            pen.stroke([(0, -0.04), tip], 0.15, 0.02, face, 170)
    pen.ellipse(0, -0.02, 0.08, 0.07, centre_colour(rng), corners=14)


def lily(pen: Pen) -> None:
    """A star of six long, freckled petals with six far-reaching stamens."""
    rng = pen.rng
    stem(pen)
    colour, first = petal_colour(rng), rng.uniform(0, TURN)
    freckles = rng.random() < 0.6
    with pen.placed(0, HEAD):
        for i in (0, 2, 4, 1, 3, 5):
            with pen.placed(turn=first + TURN * i / 6):
                petal(pen, 0.92 * rng.uniform(0.94, 1.04), 0.21 if i % 2 else 0.17, colour, 0.5)
                for _ in range(5 * freckles):
                    pen.dot(rng.uniform(0.2, 0.55), rng.uniform(-0.08, 0.08), 0.017, darker(colour, 0.6))
        for i in range(6):
            with pen.placed(turn=first + TURN * (i + rng.uniform(0.4, 0.6)) / 6):
                pen.stroke(curve((0, 0), (0.2, 0.05), (0.4, 0)), 0.028, 0.02, hsv(0.2, 0.35, 0.85))
                pen.ellipse(0.41, 0, 0.03, 0.07, hsv(0.06, 0.8, 0.5), shade=0.4, corners=10)


def dandelion(pen: Pen) -> None:
    """A ball of seeds, each with its tuft of hairs."""
    rng = pen.rng
    colour = petal_colour(rng)
    stem(pen, leaves=False)
    with pen.placed(0, HEAD):
        pen.ellipse(0, 0, 0.68, 0.68, lighter(colour, 0.3), alpha=60, shade=0.3, outline=0)
        for i in range(60):
            angle, distance = i * GOLDEN_ANGLE, 0.74 * math.sqrt((i + 1) / 60)
            x, y = distance * math.cos(angle), distance * math.sin(angle)
            pen.stroke([(x * 0.2, y * 0.2), (x, y)], 0.01, 0.01, darker(colour, 0.15), 150)
            for spread in (-1, -0.5, 0, 0.5, 1):
                end = (x + 0.1 * math.cos(angle + spread), y + 0.1 * math.sin(angle + spread))
                pen.stroke([(x, y), end], 0.014, 0.01, colour, 230)
        pen.ellipse(0, 0, 0.12, 0.12, centre_colour(rng))


def crocus(pen: Pen) -> None:
    """A slender goblet on a short stalk among narrow leaves with a pale stripe."""
    rng = pen.rng
    colour, opened = petal_colour(rng), rng.uniform(0.4, 0.65)
    stem(pen, 0.3, leaves=False)
    narrow_leaves(pen, (0, 1.1), rng.uniform(0.9, 1.2), 0.09, stripe=True)
    for lean in (-0.6, 0.6, 0):
        with pen.placed(0, 0.4, UP + lean * opened):
            petal(pen, 1.05, 0.16, darker(colour, 0.2), 0.6)
    pen.stroke([(0, 0.3), (0, -0.45)], 0.05, 0.08, centre_colour(rng))
    for lean in (-1, 1, -0.35, 0.35):
        with pen.placed(0, 0.45, UP + lean * opened):
            petal(pen, 1.1, 0.17, colour, 0.6, folds=3)
