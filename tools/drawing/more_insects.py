"""Insects other than ants and bees, from above or the side, heads towards +x."""

import math

from .colours import BLACK_EYE, WHITE, Colour, any_hue, darker, hsv, lighter, mix
from .insect_parts import SIDES, body_colour, legs_from_above, wing, wing_colour
from .pen import Pen, curve, ellipse_outline, petal_outline

SOOT: Colour = (25, 21, 25)


def beetle(pen: Pen) -> None:
    """A beetle with closed wing cases, sometimes with a horn."""
    rng = pen.rng
    colour = body_colour(rng) if rng.random() < 0.5 else any_hue(rng, (0.5, 0.9), (0.2, 0.6))
    legs, seam = darker(colour, 0.5), darker(colour, 0.6)
    legs_from_above(pen, (0.34, 0.1, -0.12), rng.uniform(0.45, 0.65), 0.06, legs)
    pen.ellipse(-0.22, 0, 0.46, 0.33, colour)
    pen.ellipse(0.32, 0, 0.17, 0.26, darker(colour, 0.2))
    pen.ellipse(0.52, 0, 0.12, 0.15, darker(colour, 0.35))
    pen.stroke([(0.2, 0), (-0.66, 0)], 0.025, 0.015, seam)
    for side in SIDES:
        for i in range(rng.randint(0, 3)):
            bow = side * (0.8 + i)
            groove = curve((0.14, 0.1 * bow), (-0.2, 0.13 * bow), (-0.58, 0.06 * bow))
            pen.stroke(groove, 0.014, 0.01, darker(colour, 0.4), 180)
        pen.stroke(curve((0.6, side * 0.06), (0.8, side * 0.14), (0.86, side * 0.34)), 0.035, 0.025, legs)
    if rng.random() < 0.35:
        pen.stroke(curve((0.58, 0), (0.85, 0.05), (0.98, -0.02)), 0.1, 0.03, darker(colour, 0.3))


def ladybird(pen: Pen) -> None:
    """A round beetle with spots."""
    rng = pen.rng
    red = hsv(rng.uniform(0, 0.03), 0.85, 0.8)
    amber, gold = hsv(0.08, 0.85, 0.9), hsv(0.13, 0.8, 0.9)
    colour, spots = rng.choice(((red, SOOT), (amber, SOOT), (gold, SOOT), ((40, 34, 38), red)))
    legs_from_above(pen, (0.25, 0.05, -0.15), 0.42, 0.06, SOOT)
    pen.ellipse(0.5, 0, 0.16, 0.22, SOOT)
    for side in SIDES:
        pen.dot(0.54, side * 0.13, 0.05, (240, 236, 226))
        pen.stroke([(0.62, side * 0.06), (0.74, side * 0.16)], 0.03, 0.03, SOOT)
    pen.ellipse(-0.08, 0, 0.52, 0.46, colour, shade=0)
    for side in SIDES:
        for i in range(rng.randint(2, 5)):
            pen.dot(-0.5 + 0.22 * i + rng.uniform(-0.04, 0.04), side * rng.uniform(0.14, 0.3), 0.075, spots)
    pen.stroke([(0.42, 0), (-0.6, 0)], 0.03, 0.02, SOOT)
    pen.shade(ellipse_outline(-0.08, 0, 0.52, 0.46))


def butterfly(pen: Pen) -> None:
    """A butterfly with spread, spotted wings."""
    rng = pen.rng
    fore, hind, lift = any_hue(rng), any_hue(rng), rng.uniform(-0.2, 0.3)
    spots = [(rng.uniform(0.2, 0.85), rng.uniform(-0.5, 0.5), rng.uniform(0.05, 0.12)) for _ in range(4)]
    wings = ((-0.05, 2.2, 0.72, 0.3, hind, fore), (0.08, 1.05, 0.95, 0.34, fore, lighter(hind)))
    for side in SIDES:
        for root, spread, length, half_width, colour, spot in wings:
            outline = petal_outline(length, half_width, 0.68)
            with pen.placed(root, 0, side * (spread + lift)):
                pen.polygon(outline, darker(colour, 0.6))
                pen.polygon([(0.9 * x + 0.03, 0.86 * y) for x, y in outline], colour, shade=0.35)
                for bend in (-0.5, 0, 0.5):
                    vein = curve((0, 0), (length * 0.4, bend * half_width), (length * 0.85, bend * half_width * 1.2))
                    pen.stroke(vein, 0.02, 0.014, darker(colour, 0.5))
                for along, across, radius in spots:
                    place = (along * length, side * across * half_width)
                    pen.ellipse(*place, radius, radius * 0.8, spot, shade=0, outline=0.25, corners=12)
    body = darker(hind, 0.7)
    pen.ellipse(-0.05, 0, 0.34, 0.05, body)
    pen.ellipse(0.3, 0, 0.07, 0.06, body)
    for side in SIDES:
        pen.stroke(curve((0.34, side * 0.03), (0.5, side * 0.06), (0.66, side * 0.22)), 0.02, 0.02, body)
        pen.dot(0.66, side * 0.22, 0.03, body)


def dragonfly(pen: Pen) -> None:
    """A thin, ringed body, two pairs of long wings and large eyes."""
    rng = pen.rng
    colour, eyes = any_hue(rng, (0.5, 0.9), (0.4, 0.8)), any_hue(rng, (0.5, 0.9), (0.3, 0.6))
    clear, alpha = wing_colour(rng), rng.randint(90, 190)
    for side in SIDES:
        for root, spread, length, half_width in ((0.22, 1.82, 0.82, 0.1), (0.36, 1.45, 0.86, 0.09)):
            turn = side * (spread + rng.uniform(-0.15, 0.15))
            wing(pen, (root, side * 0.05), turn, length, half_width, clear, alpha)
    for i in range(8):
        pen.ellipse(0.1 - 0.125 * i, 0.03 * math.sin(i / 2), 0.075, 0.05, colour if i % 2 else darker(colour, 0.3))
    pen.ellipse(0.3, 0, 0.2, 0.11, colour)
    pen.ellipse(0.54, 0, 0.09, 0.12, darker(colour, 0.2))
    for side in SIDES:
        pen.ellipse(0.57, side * 0.08, 0.075, 0.07, eyes, shade=1, outline=0)


def fly(pen: Pen) -> None:
    """A stout fly with two wings laid back and large red eyes."""
    rng = pen.rng
    metal = (hsv(rng.uniform(0.3, 0.6), 0.5, 0.3), hsv(0, 0.05, 0.22), hsv(0.1, 0.3, 0.35), hsv(0.35, 0.7, 0.45))
    colour, eyes = rng.choice(metal), hsv(rng.uniform(-0.03, 0.05), 0.8, 0.45)
    clear, alpha = wing_colour(rng), rng.randint(90, 180)
    legs_from_above(pen, (0.25, 0.12, 0), 0.55, 0.04, darker(colour, 0.5))
    pen.ellipse(-0.28, 0, 0.3, 0.23, colour, egg=0.1)
    pen.ellipse(0.13, 0, 0.24, 0.21, darker(colour, 0.15))
    for y in (-0.1, 0, 0.1):
        pen.stroke([(0.3, y), (-0.05, y)], 0.025, 0.02, lighter(colour, 0.25), 160)
    for side in SIDES:
        turn = side * (math.pi - rng.uniform(0.4, 0.75))
        wing(pen, (0.08, side * 0.12), turn, rng.uniform(0.7, 0.85), 0.19, clear, alpha)
    pen.ellipse(0.43, 0, 0.11, 0.17, darker(colour, 0.3))
    for side in SIDES:
        pen.ellipse(0.45, side * 0.12, 0.1, 0.1, eyes, shade=1, outline=0, corners=14)
        pen.stroke([(0.52, side * 0.03), (0.6, side * 0.06)], 0.03, 0.02, darker(colour, 0.6))


def grasshopper(pen: Pen) -> None:
    """A grasshopper from the side, its hind knee high above its back."""
    rng = pen.rng
    green, brown = hsv(rng.uniform(0.17, 0.32), 0.6, rng.uniform(0.4, 0.75)), hsv(0.09, 0.45, 0.5)
    colour = green if rng.random() < 0.6 else brown
    dark = darker(colour, 0.3)
    for hip, step in ((0.4, 0.1), (0.2, -0.05)):
        pen.limb([(hip, 0.1), (hip + step, 0.3), (hip + step - 0.06, 0.5)], 0.045, 0.02, dark)
    pen.polygon([(x, y + 0.02) for x, y in petal_outline(1.35, 0.15, 0.65, -0.75)], colour, shade=0.6, outline=0.03)
    pen.polygon([(x, y - 0.06) for x, y in petal_outline(1.1, 0.08, 0.6, -0.85)], darker(colour, 0.2), shade=0.3)
    pen.ellipse(0.55, -0.03, 0.15, 0.17, colour, turn=0.3)
    pen.ellipse(0.6, -0.09, 0.045, 0.06, BLACK_EYE, shade=0.8, outline=0, corners=10)
    knee = rng.uniform(-0.45, -0.25)
    pen.stroke([(0.02, 0.1), (knee, -0.42)], 0.17, 0.06, colour)
    pen.stroke([(knee, -0.42), (knee - 0.22, 0.48)], 0.05, 0.03, dark)
    pen.stroke([(knee - 0.22, 0.48), (knee - 0.05, 0.5)], 0.03, 0.02, dark)
    for rise in (0, 0.12):
        pen.stroke(curve((0.62, -0.17), (0.8, -0.35 - rise), (1, -0.42 - rise)), 0.025, 0.012, dark)


def water_strider(pen: Pen) -> None:
    """A slim insect that stands on water, far on four long legs, each foot in a dimple."""
    rng = pen.rng
    colour = mix(body_colour(rng), SOOT, 0.3)
    legs, width = darker(colour, 0.15), rng.uniform(0.03, 0.045)
    for side in SIDES:
        for root, knee, foot in ((0.12, 0.5, 0.85), (0, -0.35, -0.85)):
            sway = rng.uniform(-0.1, 0.1)
            end = (foot + sway, side * rng.uniform(0.6, 0.75))
            pen.ellipse(*end, 0.12, 0.08, WHITE, alpha=80, shade=0, outline=0, corners=14)
            pen.limb([(root, side * 0.05), (knee + sway / 2, side * 0.55), end], width, width * 0.5, legs)
        pen.limb([(0.4, side * 0.04), (0.55, side * 0.16), (0.75, side * 0.1)], width, width * 0.6, legs)
    pen.polygon(petal_outline(1.15, 0.1, 0.55, -0.6), colour, shade=0.7, outline=0.04)
    pen.stroke([(-0.45, 0), (0.1, 0)], 0.03, 0.05, lighter(colour, 0.25), 160)
    pen.ellipse(0.52, 0, 0.09, 0.075, colour)
    for side in SIDES:
        pen.dot(0.55, side * 0.065, 0.035, BLACK_EYE)
        pen.stroke(curve((0.58, side * 0.03), (0.72, side * 0.04), (0.85, side * 0.2)), 0.02, 0.014, legs)
