"""Small animals that creep and crawl but are no insects, or not yet; heads towards +x."""

import math

from .colours import BLACK_EYE, any_hue, darker, hsv, lighter, mix
from .insect_parts import SIDES, body_colour
from .pen import TURN, Pen, curve


def spider(pen: Pen) -> None:
    """Eight legs, two parts of body."""
    rng = pen.rng
    colour, width = body_colour(rng), rng.uniform(0.04, 0.07)
    legs = darker(colour, 0.2)
    for side in SIDES:
        for forward in (0.95, 0.35, -0.3, -1):
            angle = forward + rng.uniform(-0.15, 0.15)
            knee = (0.2 + 0.42 * math.sin(angle), side * (0.08 + 0.42 * math.cos(0.6 * angle)))
            foot = (knee[0] + 0.42 * math.sin(1.1 * angle), knee[1] + side * 0.3 * math.cos(angle))
            pen.limb([(0.2, side * 0.08), knee, foot], width, width * 0.4, legs)
    pen.ellipse(-0.28, 0, 0.36, 0.29, colour)
    for i in range(rng.randint(0, 4)):
        x = -0.05 - 0.14 * i
        chevron = [(x, 0), (x - 0.09, 0.1), (x - 0.12, 0), (x - 0.09, -0.1)]
        pen.polygon(chevron, lighter(colour, 0.35), 200)
    pen.ellipse(0.2, 0, 0.2, 0.17, darker(colour, 0.12))
    for side in SIDES:
        pen.stroke(curve((0.36, side * 0.06), (0.48, side * 0.1), (0.5, side * 0.02)), 0.06, 0.03, legs)
        pen.dot(0.34, side * 0.03, 0.022, BLACK_EYE)
        pen.dot(0.3, side * 0.09, 0.022, BLACK_EYE)


def caterpillar(pen: Pen) -> None:
    """A row of plump rings, sometimes hairy."""
    rng = pen.rng
    colour = any_hue(rng, (0.4, 0.85), (0.4, 0.85))
    marks = rng.choice((darker(colour, 0.45), lighter(colour), any_hue(rng)))
    bow, phase, hairy = rng.uniform(-0.5, 0.5), rng.uniform(0, TURN), rng.random() < 0.45
    rings = [(0.16 * i - 0.85, 0.2 * math.sin(0.75 * i + phase) + bow * (i / 10 - 0.5) ** 2) for i in range(11)]
    for i, (x, y) in enumerate(rings):
        if hairy:
            pen.fuzz(x, y, 0.13, 0.15, marks, hairs=14, length=0.12, width=0.014)
        for side in SIDES:
            pen.stroke([(x, y), (x + 0.02, y + side * 0.2)], 0.04, 0.03, darker(colour))
        plain = i % 2 or rng.random() < 0.3
        pen.ellipse(x, y, 0.12, 0.15, colour if plain else mix(colour, marks, 0.6), corners=16)
        pen.dot(x, y, 0.04, marks)
    x, y = rings[-1]
    pen.ellipse(x + 0.1, y, 0.12, 0.13, darker(marks, 0.2))
    for side in SIDES:
        pen.stroke([(x + 0.18, y + side * 0.05), (x + 0.3, y + side * 0.1)], 0.03, 0.02, darker(colour, 0.5))
        pen.dot(x + 0.15, y + side * 0.07, 0.025, BLACK_EYE)


def snail(pen: Pen) -> None:
    """A snail from the side with its coiled house."""
    rng = pen.rng
    shell = body_colour(rng) if rng.random() < 0.5 else any_hue(rng, (0.3, 0.6), (0.4, 0.8))
    skin = hsv(rng.uniform(0.05, 0.14), rng.uniform(0.2, 0.5), rng.uniform(0.45, 0.8))
    back = curve((-0.85, 0.42), (-0.3, 0.15), (0.4, 0.2))
    neck = curve((0.5, 0.1), (0.75, -0.1), (0.85, 0.1)) + curve((0.85, 0.2), (0.6, 0.45), (0.3, 0.44))
    pen.polygon(back + neck, skin, shade=0.6, outline=0.03)
    for x in (0.72, 0.8):
        eye = (x + rng.uniform(0.02, 0.14), rng.uniform(-0.36, -0.24))
        pen.stroke([(x, 0), eye], 0.05, 0.03, skin)
        pen.dot(*eye, 0.037, darker(skin, 0.5))
    pen.ellipse(-0.12, -0.08, 0.46, 0.42, shell)
    spiral = []
    for i in range(33):
        radius = 1 - i / 34
        spiral.append((-0.12 + 0.42 * radius * math.cos(i / 2), -0.08 + 0.39 * radius * math.sin(i / 2)))
    pen.stroke(spiral, 0.055, 0.02, darker(shell, 0.45))


def scorpion(pen: Pen) -> None:
    """Two claws, eight legs, and a tail that curls to one side and ends in a sting."""
    rng = pen.rng
    colour = body_colour(rng)
    legs = darker(colour, 0.25)
    for side in SIDES:
        for i in range(4):
            hip, foot = 0.25 - 0.12 * i, 0.3 - 0.26 * i
            pen.limb([(hip, side * 0.1), (0.35 - 0.2 * i, side * 0.34), (foot, side * 0.52)], 0.045, 0.02, legs)
        x, y = 0.62, side * rng.uniform(0.3, 0.42)
        pen.limb([(0.4, side * 0.1), (0.5, side * 0.36), (x, y)], 0.07, 0.06, colour)
        for bend, end in ((0.275, 0.042), (-0.025, -0.03)):
            pen.stroke(curve((x, y), (x + 0.15, y + side * bend), (x + 0.3, y + side * end)), 0.12, 0.02, colour)
    pen.ellipse(0.28, 0, 0.2, 0.15, colour)
    for i in range(4):
        pen.ellipse(0.05 - 0.1 * i, 0, 0.09, 0.16 - 0.012 * i, colour, corners=18)
    bend = rng.choice(SIDES) * rng.uniform(0.3, 0.9)
    x, y, angle = -0.36, 0.0, math.pi
    for _ in range(6):
        pen.ellipse(x, y, 0.085, 0.055, colour, turn=angle, corners=16)
        angle += 0.62 * bend
        x, y = x + 0.13 * math.cos(angle), y + 0.13 * math.sin(angle)
    sting = (x + 0.16 * math.cos(angle + bend), y + 0.16 * math.sin(angle + bend))
    pen.stroke([(x, y), sting], 0.08, 0.01, darker(colour, 0.5))


def centipede(pen: Pen) -> None:
    """A long, winding row of rings with a pair of legs each."""
    rng = pen.rng
    colour, phase = body_colour(rng), rng.uniform(0, TURN)
    legs = lighter(colour, 0.25)
    rings = [(0.10625 * i - 0.9, 0.2 * math.sin(0.4 * i + phase)) for i in range(17)]
    for i, (x, y) in enumerate(rings):
        knee = x + 0.06 * math.sin(1.1 * i)
        for side in SIDES:
            pen.limb([(x, y), (knee, y + side * 0.17), (knee - 0.06, y + side * 0.28)], 0.035, 0.015, legs)
    for x, y in rings:
        pen.ellipse(x, y, 0.07, 0.09, colour, corners=14)
    x, y = rings[-1]
    pen.ellipse(x + 0.08, y, 0.09, 0.1, darker(colour, 0.2))
    for side in SIDES:
        feeler = curve((x + 0.14, y + side * 0.04), (x + 0.3, y + side * 0.1), (x + 0.42, y + side * 0.26))
        pen.stroke(feeler, 0.025, 0.015, colour)
