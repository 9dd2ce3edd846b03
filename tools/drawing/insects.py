"""Ants and bees, from above and from the side, heads towards +x.

Both take their sizes, poses and many of their colours from the same ranges. What tells them apart is anatomy: an
ant has a narrow waist, a large head, elbowed feelers and no wings; a bee has wings, fur, a stout body and stripes.
"""

import math
from dataclasses import dataclass

from .colours import BLACK_EYE, Colour, any_tone, darker, hsv, jitter, lighter, mix
from .insect_parts import SIDES, body_colour, legs_from_above, wing, wing_colour
from .pen import Pen, band_outline, curve, ellipse_outline, petal_outline

FAR_AND_NEAR = (1, 0)  # from the side, the far limb of each pair is drawn first, and darker

# Ants


@dataclass(frozen=True)
class AntLooks:
    """What an ant looks like: colours, and the stoutness of its chest."""

    body: Colour
    gaster: Colour
    legs: Colour
    stout: float


def ant(pen: Pen) -> None:
    """An ant, sometimes with a load between its jaws."""
    rng = pen.rng
    body = body_colour(rng)
    gaster = body_colour(rng) if rng.random() < 0.35 else body
    looks = AntLooks(body, gaster, darker(body, rng.uniform(0.05, 0.35)), rng.uniform(0.85, 1.15))
    view = ant_from_above if rng.random() < 0.62 else ant_from_side
    view(pen, looks)
    if rng.random() < 0.22:
        load(pen)


def ant_from_above(pen: Pen, looks: AntLooks) -> None:
    rng = pen.rng
    legs_from_above(pen, (0.34, 0.22, 0.1), rng.uniform(0.6, 0.85), rng.uniform(0.035, 0.055), looks.legs)
    with pen.placed(-0.02, 0, rng.uniform(-0.45, 0.45)):
        gaster(pen, looks.gaster)
        pen.ellipse(-0.05, 0, 0.055, 0.06 * looks.stout, looks.body)
        if rng.random() < 0.4:
            pen.ellipse(0.04, 0, 0.045, 0.05 * looks.stout, looks.body)
    pen.ellipse(0.14, 0, 0.14, 0.075 * looks.stout, looks.body)
    pen.ellipse(0.33, 0, 0.15, 0.095 * looks.stout, looks.body)
    with pen.placed(0.46, 0, rng.uniform(-0.4, 0.4)):
        half_width = rng.uniform(0.13, 0.19)
        for side in SIDES:
            jaw = curve((0.26, side * 0.07), (0.38, side * 0.12), (0.4, side * 0.01))
            pen.stroke(jaw, 0.05, 0.02, darker(looks.body, 0.3))
            forward = rng.uniform(0.3, 1)
            elbow = (0.26 + 0.26 * math.cos(forward), side * (0.05 + 0.3 * math.sin(forward)))
            bent = forward - rng.uniform(0.7, 1.4)
            tip = (elbow[0] + 0.36 * math.cos(bent), elbow[1] + side * 0.36 * math.sin(bent))
            pen.limb([(0.24, side * 0.06), elbow, tip], 0.037, 0.032, looks.legs)
            pen.dot(*tip, 0.028, looks.legs)
        pen.ellipse(0.15, 0, 0.18, half_width, mix(looks.body, looks.gaster, 0.3), egg=-0.15)
        for side in SIDES:
            pen.ellipse(0.18, side * half_width * 0.75, 0.035, 0.028, BLACK_EYE, shade=0.6, outline=0, corners=10)


def ant_from_side(pen: Pen, looks: AntLooks) -> None:
    rng = pen.rng
    for far in FAR_AND_NEAR:
        for root, forward in ((0.36, 0.75), (0.22, 0.05), (0.1, -0.85)):
            angle = forward + rng.uniform(-0.3, 0.3) + 0.2 * far
            knee = (root + 0.3 * math.sin(angle), rng.uniform(-0.1, 0.1))
            ankle = (knee[0] + 0.2 * math.sin(angle), 0.45 + rng.uniform(-0.06, 0.04))
            foot = (ankle[0] + 0.09, ankle[1] + 0.03)
            pen.limb([(root, 0.05), knee, ankle, foot], 0.05, 0.022, darker(looks.legs, 0.25 * far))
    with pen.placed(-0.02, 0, rng.uniform(-0.5, 0.35)):
        gaster(pen, looks.gaster)
        pen.polygon([(-0.09, 0.05), (-0.05, -0.1), (-0.01, 0.05)], looks.body, shade=0.5, outline=0.1)
    pen.ellipse(0.12, 0.02, 0.15, 0.085 * looks.stout, looks.body, turn=-0.25)
    pen.ellipse(0.32, -0.04, 0.16, 0.11 * looks.stout, looks.body, turn=0.15)
    with pen.placed(0.45, 0, rng.uniform(-0.25, 0.6)):
        for far in FAR_AND_NEAR:
            raised, bent = rng.uniform(-1.1, -0.4), rng.uniform(0.1, 0.8)
            elbow = (0.16 + 0.28 * math.cos(raised), -0.04 + 0.3 * math.sin(raised))
            tip = (elbow[0] + 0.36 * math.cos(bent), elbow[1] + 0.36 * math.sin(bent))
            pen.limb([(0.16, -0.04), elbow, tip], 0.037, 0.032, darker(looks.legs, 0.2 * far))
        pen.stroke(curve((0.26, 0.06), (0.38, 0.08), (0.36, 0.16)), 0.06, 0.02, darker(looks.body, 0.3))
        pen.ellipse(0.15, 0.02, 0.18, 0.14, mix(looks.body, looks.gaster, 0.3), turn=0.35)
        pen.ellipse(0.17, -0.03, 0.03, 0.035, BLACK_EYE, shade=0.6, outline=0, corners=10)


def gaster(pen: Pen, colour: Colour) -> None:
    """The ant's hind part, often with plates in another tint, so that stripes alone do not make a bee."""
    rng = pen.rng
    half_length, half_width = rng.uniform(0.26, 0.36), rng.uniform(0.17, 0.25)
    left, right = -0.1 - 2 * half_length, -0.1
    pen.ellipse(-0.1 - half_length, 0, half_length, half_width, colour, egg=0.12)
    for i in range(rng.randint(0, 4)):
        tint = lighter(colour, 0.3) if rng.random() < 0.5 else darker(colour, 0.35)
        start = 0.2 + 0.2 * i
        plate = band_outline(left, right, half_width, start, start + rng.choice((0.03, 0.06, 0.1)), -0.05)
        pen.polygon(plate, tint, 150)


def load(pen: Pen) -> None:
    """A piece of leaf or a crumb in front of the head."""
    rng = pen.rng
    colour = any_tone(rng, 16)
    with pen.placed(0.85, 0, rng.uniform(-1.2, 1.2)):
        if rng.random() < 0.5:
            pen.polygon(petal_outline(rng.uniform(0.3, 0.5), rng.uniform(0.12, 0.2)), colour, shade=0.4, outline=0.03)
        else:
            pen.ellipse(0.08, 0, 0.12, 0.1, colour, wobble=0.1)


# Bees

# Pairs (pale, dark) of a bee's stripes: honey, amber, straw, russet, silver, rust and olive.
BEE_STRIPES = (
    (hsv(0.115, 0.8, 0.85), (40, 28, 20)),
    (hsv(0.09, 0.7, 0.62), (50, 32, 22)),
    (hsv(0.1, 0.35, 0.8), (52, 44, 40)),
    (hsv(0.07, 0.65, 0.5), (36, 26, 22)),
    ((208, 200, 190), (42, 40, 46)),
    (hsv(0.06, 0.75, 0.7), (70, 40, 26)),
    (hsv(0.13, 0.3, 0.6), (60, 52, 38)),
)


@dataclass(frozen=True)
class BeeLooks:
    """What a bee looks like: colours, clearness of the wings and the stripes, and how stout it is."""

    pale: Colour
    dark: Colour
    chest: Colour
    legs: Colour
    wings: Colour
    wing_alpha: int
    stripes: int
    stripe_alpha: int
    stout: float


def bee(pen: Pen) -> None:
    """A bee, wings folded or spread."""
    rng = pen.rng
    pale, dark = rng.choice(BEE_STRIPES)
    pale, dark = jitter(rng, pale, 16), jitter(rng, dark, 10)
    looks = BeeLooks(
        pale=pale,
        dark=dark,
        chest=rng.choice((pale, mix(pale, dark, 0.4), dark, body_colour(rng))),
        legs=darker(dark, 0.1) if rng.random() < 0.6 else mix(pale, dark, 0.6),
        wings=wing_colour(rng),
        wing_alpha=rng.randint(80, 190),
        stripes=rng.randint(3, 5),
        stripe_alpha=rng.randint(190, 255) if rng.random() < 0.7 else rng.randint(60, 150),
        stout=rng.uniform(0.82, 1.2),
    )
    view = bee_from_above if rng.random() < 0.6 else bee_from_side
    view(pen, looks)


def bee_from_above(pen: Pen, looks: BeeLooks) -> None:
    rng = pen.rng
    legs_from_above(pen, (0.24, 0.1, -0.04), rng.uniform(0.4, 0.62), rng.uniform(0.04, 0.06), looks.legs)
    with pen.placed(turn=rng.uniform(-0.3, 0.3)):
        abdomen(pen, looks, 0.22)
    if rng.random() < 0.35:
        for side in SIDES:
            pen.ellipse(-0.15, side * 0.26, 0.1, 0.06, hsv(0.12, 0.8, 0.9), turn=0.4 * side, wobble=0.05)
    hind_spread, fore_spread = (0.3, 0.5) if rng.random() < 0.35 else (0.95, 1.35)
    for side in SIDES:
        lift = math.pi + rng.uniform(-0.15, 0.15)
        hind = (side * (lift - hind_spread), rng.uniform(0.5, 0.62), rng.uniform(0.11, 0.15))
        fore = (side * (lift - fore_spread), rng.uniform(0.68, 0.88), rng.uniform(0.13, 0.18))
        wing(pen, (0.06, side * 0.12), *hind, looks.wings, looks.wing_alpha)
        wing(pen, (0.16, side * 0.14), *fore, looks.wings, looks.wing_alpha)
    furry_chest(pen, looks, 0.12)
    with pen.placed(0.3, 0, rng.uniform(-0.35, 0.35)):
        for side in SIDES:
            feeler = [(0.18, side * 0.05), (0.28, side * 0.1), (0.4, side * rng.uniform(0.12, 0.24))]
            pen.limb(feeler, 0.034, 0.026, darker(looks.dark, 0.2))
        furry_head(pen, looks, 0)
        for side in SIDES:
            pen.ellipse(0.13, side * 0.12, 0.075, 0.05, BLACK_EYE, turn=-side / 2, shade=0.9, outline=0, corners=12)


def bee_from_side(pen: Pen, looks: BeeLooks) -> None:
    rng = pen.rng
    for far in FAR_AND_NEAR:
        for root in (0.26, 0.12, 0):
            swing = rng.uniform(-0.12, 0.12)
            bends = ((0, 0.1), (swing - 0.05, 0.32), (swing - 0.14, 0.44), (swing - 0.1, 0.52))
            pen.limb([(root + x, y) for x, y in bends], 0.06, 0.025, darker(looks.legs, 0.25 * far))
    lift = rng.uniform(-0.25, 0.25)
    hind = (0.9 - math.pi + 0.8 * lift, rng.uniform(0.5, 0.62), 0.14)
    wing(pen, (0.08, -0.12), *hind, looks.wings, max(60, looks.wing_alpha - 30))
    with pen.placed(0, 0.03, rng.uniform(-0.7, -0.05)):
        abdomen(pen, looks, 0.21)
    furry_chest(pen, looks, 0.13)
    with pen.placed(0.32, 0.02, rng.uniform(0, 0.6)):
        for far in FAR_AND_NEAR:
            feeler = [(0.14, -0.04), (0.26, -0.12 + 0.03 * far), (0.4, -0.06 + rng.uniform(-0.08, 0.1))]
            pen.limb(feeler, 0.036, 0.026, darker(looks.dark, 0.2))
        furry_head(pen, looks, 0.04)
        pen.ellipse(0.14, 0.01, 0.05, 0.09, BLACK_EYE, shade=0.9, outline=0, corners=12)
    fore = (1.15 - math.pi + lift, rng.uniform(0.65, 0.85), 0.17)
    wing(pen, (0.14, -0.12), *fore, looks.wings, looks.wing_alpha)


def abdomen(pen: Pen, looks: BeeLooks, half_width: float) -> None:
    """The bee's striped hind part, mostly with short fur."""
    rng = pen.rng
    half_length, half_width = rng.uniform(0.3, 0.42), half_width * looks.stout
    middle, left, right = -0.12 - half_length, -0.12 - 2 * half_length, -0.1
    ground = looks.dark if rng.random() < 0.8 else mix(looks.pale, looks.dark, 0.5)
    pen.ellipse(middle, 0, half_length, half_width, ground, egg=0.1, shade=0)
    step = 0.84 / looks.stripes
    for i in range(looks.stripes):
        start = 0.1 + i * step
        stripe = band_outline(left, right, half_width * 1.02, start, start + step * rng.uniform(0.4, 0.62), -0.06)
        pen.polygon(stripe, looks.pale, looks.stripe_alpha)
    pen.shade(ellipse_outline(middle, 0, half_length, half_width), 0.8)
    if rng.random() < 0.6:
        colour = mix(looks.pale, looks.dark, 0.35)
        pen.fuzz(middle, 0, half_length, half_width, colour, hairs=45, length=0.04, width=0.014, inner=0.85)


def furry_chest(pen: Pen, looks: BeeLooks, x: float) -> None:
    pen.ellipse(x, 0, 0.22, 0.2 * looks.stout, looks.chest)
    colour = lighter(looks.chest, 0.2)
    pen.fuzz(x, 0, 0.2, 0.19 * looks.stout, colour, hairs=90, length=0.06, width=0.018)


def furry_head(pen: Pen, looks: BeeLooks, y: float) -> None:
    pen.ellipse(0.1, y, 0.12, 0.16, mix(looks.chest, looks.dark, 0.5))
    pen.fuzz(0.08, y, 0.1, 0.12, lighter(looks.chest, 0.1), hairs=25, length=0.04, width=0.015)
