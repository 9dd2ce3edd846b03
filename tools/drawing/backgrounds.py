"""Ten kinds of background, each a function of a pen and two colours that returns a canvas-sized image."""

import math
import random
from collections.abc import Callable
from functools import cache

from PIL import Image, ImageFilter

from .colours import Colour, any_tone, darker, hsv, jitter, lighter, mix, tones
from .pen import CANVAS, TURN, Pen, Point, curve
from .plants import blossom, leaf

Pair = tuple[Colour, Colour]


def noise(rng: random.Random, width: int, height: int, cells: int, octaves: int = 1) -> Image.Image:
    """Soft grey noise with `cells` random values across its width, twice as many in each further octave."""
    layers = []
    for octave in range(octaves):
        across = cells * 2**octave
        down = max(2, round(across * height / width))
        grid = Image.frombytes("L", (across, down), rng.randbytes(across * down))
        layers.append(grid.resize((width, height), Image.Resampling.BICUBIC))
    image = layers[0]
    for octave, layer in enumerate(layers[1:], 1):
        image = Image.blend(image, layer, 0.5 if octave == 1 else 0.33)
    return image


def two_tone(grey: Image.Image, pair: Pair) -> Image.Image:
    """Colour a grey image: the first colour where it is black, the second where it is white."""
    ramps = [[round(a + (b - a) * i / 255) for i in range(256)] for a, b in zip(*pair)]
    return Image.merge("RGB", [grey.point(ramp) for ramp in ramps])


def mottled(rng: random.Random, pair: Pair, cells: int, octaves: int = 3) -> Image.Image:
    """A canvas of two colours in soft patches."""
    return two_tone(noise(rng, CANVAS, CANVAS, cells, octaves), pair)


@cache
def large_gradient() -> Image.Image:
    """Dark above and light below, twice as wide and high as a canvas."""
    return Image.linear_gradient("L").resize((2 * CANVAS, 2 * CANVAS))


def slope(angle: float) -> Image.Image:
    """A canvas that goes evenly from dark to light; `angle` in degrees, 0 is light at the bottom."""
    cosine, sine = (round(part(math.radians(angle)), 15) for part in (math.cos, math.sin))
    left, top = CANVAS - (cosine - sine) * CANVAS / 2, CANVAS - (cosine + sine) * CANVAS / 2
    middle = (cosine, -sine, left, sine, cosine, top)  # of the turned gradient; turning all of it takes longer
    return large_gradient().transform((CANVAS, CANVAS), Image.Transform.AFFINE, middle, Image.Resampling.BICUBIC)


def turned(rng: random.Random, image: Image.Image) -> Image.Image:
    """A canvas turned by any angle, and enlarged so that its missing corners fall outside."""
    margin = 44
    image = image.rotate(rng.uniform(0, 360), Image.Resampling.BICUBIC)
    inside = image.crop((margin, margin, CANVAS - margin, CANVAS - margin))
    return inside.resize((CANVAS, CANVAS), Image.Resampling.BICUBIC)


def anywhere(rng: random.Random, margin: float = 0) -> Point:
    """A point of the canvas, or up to `margin` px outside."""
    return rng.uniform(-margin, CANVAS + margin), rng.uniform(-margin, CANVAS + margin)


def evening(pen: Pen, pair: Pair) -> Image.Image:
    """One colour fades into the other."""
    return two_tone(slope(pen.rng.uniform(0, 360)), pair)


def moss(pen: Pen, pair: Pair) -> Image.Image:
    """Soft patches."""
    return mottled(pen.rng, pair, pen.rng.randint(2, 9))


def foliage(pen: Pen, pair: Pair) -> Image.Image:
    """Leaves, all over one another."""
    rng = pen.rng
    for _ in range(rng.randint(5, 22)):
        length = rng.uniform(60, 190)
        with pen.placed(*anywhere(rng, 30), rng.uniform(0, TURN)):
            leaf(pen, length, length * rng.uniform(0.16, 0.32), jitter(rng, mix(*pair, rng.random()), 18))
    return pen.paint(moss(pen, pair))


def blossoms(pen: Pen, pair: Pair) -> Image.Image:
    """Large flowers seen from above."""
    rng = pen.rng
    for _ in range(rng.randint(1, 3)):
        centre = hsv(rng.uniform(0.05, 0.17), 0.8, rng.uniform(0.5, 0.95))
        petals, half_width, layers = rng.randint(5, 16), rng.uniform(0.16, 0.36), rng.randint(1, 2)
        colour, widest, radius = tones(rng, 20)[1], rng.uniform(0.45, 0.7), rng.uniform(0.15, 0.3)
        with pen.placed(*anywhere(rng), scale=rng.uniform(70, 260)):
            blossom(pen, petals, 1, half_width, colour, layers, widest, centre, radius)
    return pen.paint(moss(pen, pair))


def soil(pen: Pen, pair: Pair) -> Image.Image:
    """Earth or sand with small stones."""
    rng = pen.rng
    dark, light = pair
    for _ in range(rng.randint(8, 70)):
        size = rng.uniform(2, 9)
        colour, stretch = jitter(rng, mix(*pair, rng.random()), 30), rng.uniform(1, 1.6)
        angle = rng.uniform(0, TURN)
        pen.ellipse(*anywhere(rng), size * stretch, size, colour, turn=angle, corners=10, wobble=0.08)
    return pen.paint(mottled(rng, (darker(dark, 0.15), lighter(light, 0.1)), rng.randint(12, 40)))


def grass(pen: Pen, pair: Pair) -> Image.Image:
    """Blades of grass from below, or from any side."""
    rng = pen.rng
    for _ in range(rng.randint(20, 70)):
        foot, lean, height = rng.uniform(-20, CANVAS + 20), rng.uniform(-60, 60), rng.uniform(80, 320)
        blade = curve((foot, CANVAS + 5), (foot + lean / 5, CANVAS - height * 0.6), (foot + lean, CANVAS - height))
        pen.stroke(blade, rng.uniform(5, 14), 1, jitter(rng, mix(*pair, rng.random()), 14))
    image = pen.paint(moss(pen, pair))
    return turned(rng, image) if rng.random() < 0.5 else image


def bark(pen: Pen, pair: Pair) -> Image.Image:
    """Wood with its grain."""
    rng = pen.rng
    dark, light = pair
    fibres = Image.frombytes("L", (36, 5), rng.randbytes(180)).resize((CANVAS, CANVAS), Image.Resampling.BICUBIC)
    grain = noise(rng, 3 * CANVAS, CANVAS, rng.randint(6, 22), 2).resize((CANVAS, CANVAS), Image.Resampling.BICUBIC)
    image = Image.blend(mottled(rng, pair, 3, 1), two_tone(fibres, (darker(dark, 0.3), lighter(light, 0.1))), 0.6)
    return turned(rng, Image.blend(image, two_tone(grain, pair), 0.3))


def bokeh(pen: Pen, pair: Pair) -> Image.Image:
    """Round spots of light far out of focus."""
    rng = pen.rng
    dark, light = pair
    for _ in range(rng.randint(8, 24)):
        radius, colour = rng.uniform(8, 50), jitter(rng, mix(dark, lighter(light), rng.random()), 25)
        x, y = anywhere(rng)
        pen.ellipse(x, y, radius, radius, colour, alpha=rng.randint(70, 190), shade=0, outline=0)
    return pen.paint(moss(pen, pair)).filter(ImageFilter.GaussianBlur(rng.uniform(3, 7)))


def paving(pen: Pen, pair: Pair) -> Image.Image:
    """Flat stones in rows."""
    rng = pen.rng
    size, gap = rng.choice((48, 72, 96)), 0.06
    with pen.placed(CANVAS / 2, CANVAS / 2, rng.uniform(-0.4, 0.4), size):
        for column in range(-5, 6):
            for row in range(-5, 6):
                x, y = column + row % 2 / 2, row * 0.7
                corners = ((x, y), (x + 0.93, y), (x + 0.93, y + 0.64), (x, y + 0.64))
                stone = [(a + rng.uniform(-gap, gap), b + rng.uniform(-gap, gap)) for a, b in corners]
                pen.polygon(stone, jitter(rng, mix(*pair, rng.random()), 12), 190, shade=0.3)
    return pen.paint(moss(pen, pair))


def cloth(pen: Pen, pair: Pair) -> Image.Image:
    """Striped or checked cloth."""
    rng = pen.rng
    width, colour, checked = rng.uniform(10, 46), any_tone(rng, 10), rng.random() < 0.4
    stripe = [(0, -CANVAS), (width / 2, -CANVAS), (width / 2, CANVAS), (0, CANVAS)]
    with pen.placed(CANVAS / 2, CANVAS / 2, rng.uniform(0, TURN)):
        for turn, alpha in ((0, 130), (TURN / 4, 110))[: 2 if checked else 1]:
            for i in range(-30, 30):
                with pen.placed(turn=turn):
                    pen.polygon([(x + i * width, y) for x, y in stripe], colour, alpha)
    return pen.paint(moss(pen, pair))


BACKGROUNDS: tuple[Callable[[Pen, Pair], Image.Image], ...] = (
    evening, moss, foliage, blossoms, soil, grass, bark, bokeh, paving, cloth,
)  # fmt: skip


def background(rng: random.Random, light: Point) -> Image.Image:
    """One background of any kind in any pair of colours: sharp or out of focus, smooth or grainy."""
    pair = tones(rng)
    if rng.random() < 0.35:
        pair = pair[::-1]
    image = rng.choice(BACKGROUNDS)(Pen(rng, light), pair)
    image = image.filter(ImageFilter.GaussianBlur(rng.choice((0, 1, 2, 4, 7))))
    if rng.random() < 0.5:
        dark, bright = darker(pair[0], 0.3), lighter(pair[1], 0.2)
        image = Image.blend(image, mottled(rng, (dark, bright), 70, 1), rng.uniform(0.05, 0.2))
    return image
