"""Colours as (red, green, blue) integers from 0 to 255, and the few ways in which the pictures mix them."""

import colorsys
import random

Colour = tuple[int, int, int]

SHADOW: Colour = (10, 8, 12)
SUNSHINE: Colour = (255, 252, 240)
BLACK_EYE: Colour = (14, 11, 15)
WHITE: Colour = (255, 255, 255)

# Pairs (dark, light) that look well together; backgrounds and all that lies about take their colours from them.
PALETTE: tuple[tuple[Colour, Colour], ...] = (
    ((58, 92, 48), (142, 176, 92)),
    ((38, 70, 52), (112, 160, 120)),
    ((120, 92, 62), (206, 176, 132)),
    ((94, 66, 50), (168, 126, 92)),
    ((196, 172, 128), (240, 224, 186)),
    ((110, 150, 190), (206, 226, 240)),
    ((150, 110, 160), (226, 196, 228)),
    ((196, 110, 128), (246, 206, 206)),
    ((190, 150, 60), (250, 226, 140)),
    ((92, 98, 104), (176, 180, 180)),
    ((160, 80, 52), (226, 158, 112)),
    ((60, 96, 110), (150, 190, 192)),
    ((208, 208, 200), (248, 246, 238)),
    ((70, 62, 84), (150, 138, 170)),
    ((96, 120, 40), (206, 214, 120)),
)


def clamp(value: float) -> int:
    """The integer from 0 to 255 that is nearest to a value."""
    return min(255, max(0, round(value)))


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """A colour from its hue (whole turns: 0 red, 1/3 green, 2/3 blue), saturation and value (0 to 1)."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return clamp(255 * red), clamp(255 * green), clamp(255 * blue)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """The colour that lies the given share (0 to 1) of the way from the first to the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second))
    return red, green, blue


def darker(colour: Colour, share: float = 0.4) -> Colour:
    """A colour moved the given share (0 to 1) of the way to the shadow."""
    return mix(colour, SHADOW, share)


def lighter(colour: Colour, share: float = 0.4) -> Colour:
    """A colour moved the given share (0 to 1) of the way to sunshine."""
    return mix(colour, SUNSHINE, share)


def jitter(rng: random.Random, colour: Colour, spread: float = 14) -> Colour:
    """A colour a little off: up to `spread` levels in brightness and half as many in each channel."""
    shift = rng.uniform(-spread, spread)
    red, green, blue = (clamp(channel + shift + rng.uniform(-spread, spread) / 2) for channel in colour)
    return red, green, blue


def tones(rng: random.Random, spread: float = 14) -> tuple[Colour, Colour]:
    """A (dark, light) pair of the palette, both a little off."""
    dark, light = rng.choice(PALETTE)
    return jitter(rng, dark, spread), jitter(rng, light, spread)


def any_tone(rng: random.Random, spread: float = 14) -> Colour:
    """One colour of the palette, a little off."""
    return rng.choice(tones(rng, spread))


def any_hue(
    rng: random.Random, saturation: tuple[float, float] = (0.35, 0.9), value: tuple[float, float] = (0.3, 0.9)
) -> Colour:
    """A colour of any hue, its saturation and value from the given ranges."""
    return hsv(rng.random(), rng.uniform(*saturation), rng.uniform(*value))
