"""Composes a finished picture: a background, small things that lie about, the thing itself, light and camera."""

import io
import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageEnhance, ImageFilter

from .backgrounds import anywhere, background, slope
from .colours import WHITE, Colour, any_tone, clamp, hsv, jitter
from .pen import CANVAS, FINISHED, TURN, Pen, Point, curve, petal_outline
from .plants import leaf


@dataclass(frozen=True)
class Framing:
    """How a thing may lie in its picture; each picture draws its own values from these ranges.

    Attributes:
        scale: least and greatest size of the thing's unit, as a share of the picture's width.
        turn: the thing is turned by up to this angle to either side (radians).
        offset: it lies up to this share of the width away from the middle.
        tilt: it is seen shortened in some direction by up to this share.
        crowd: chances that there are one, two or three of them.
        clutter: chance of small things behind or beside it.
        hidden: chance of small things in front of it.
    """

    scale: tuple[float, float] = (0.27, 0.48)
    turn: float = math.pi
    offset: float = 0.2
    tilt: float = 0.3
    crowd: tuple[float, float, float] = (0.82, 0.13, 0.05)
    clutter: float = 0.75
    hidden: float = 0.42


UPRIGHT = Framing(scale=(0.27, 0.46), turn=0.5, tilt=0.2)  # for what stands, such as flowers


def picture(
    draw: Callable[[Pen], None], rng: random.Random, framing: Framing = Framing(), size: int = FINISHED
) -> Image.Image:
    """One finished picture; the arguments are those of `picture_and_mask`."""
    return picture_and_mask(draw, rng, framing, size)[0]


def picture_and_mask(
    draw: Callable[[Pen], None], rng: random.Random, framing: Framing = Framing(), size: int = FINISHED
) -> tuple[Image.Image, Image.Image]:
    """One finished picture, and where its thing is to be seen: white there, black elsewhere, mode "1".

    Shadows do not belong to the thing, and what lies in front of it hides it.

    Args:
        draw: draws the thing, in units of about [-1, 1] around the origin.
        rng: decides everything that is left to chance; the same state gives the same picture.
        framing: how the thing may lie.
        size: width and height of the results, px.
    """
    angle = rng.uniform(0, TURN)
    light = (math.cos(angle), math.sin(angle))
    image = background(rng, light)
    pen = Pen(rng, light)
    if rng.random() < framing.clutter:
        scatter(pen)
    behind = len(pen.shapes)
    place(draw, pen, framing)
    image, mask = pen.paint(with_shadow(image, pen)), pen.silhouette(behind)
    if rng.random() < framing.hidden:
        front = Pen(rng, light)
        scatter(front)
        image, mask = front.paint(image), ImageChops.subtract(mask, front.silhouette())
    covered = mask.resize((size, size), Image.Resampling.BOX).point([255 * (share > 127) for share in range(256)], "1")
    return photograph(lit(image, rng, angle), rng, size), covered


def place(draw: Callable[[Pen], None], pen: Pen, framing: Framing) -> None:
    """Draw one, two or three of the thing: where, how large and at what angle is left to chance."""
    rng = pen.rng
    count = rng.choices((1, 2, 3), framing.crowd)[0]
    scale = rng.uniform(*framing.scale) * CANVAS * (1, 0.74, 0.63)[count - 1]
    offset = framing.offset * CANVAS * (1 if count == 1 else 1.5)
    for _ in range(count):
        x, y = (CANVAS / 2 + rng.uniform(-offset, offset) for _ in "xy")
        unit, mirrored = scale * rng.uniform(0.9, 1.1), rng.choice((-1, 1))
        tilted, shortened = rng.uniform(0, TURN), 1 - rng.uniform(0, framing.tilt)
        turn = rng.uniform(-framing.turn, framing.turn)
        with pen.placed(x, y, tilted, 1, shortened), pen.placed(0, 0, turn - tilted, unit * mirrored, unit):
            draw(pen)


# Small things that lie about. Each takes the place around which they lie (canvas px) and their colour.


def crumbs(pen: Pen, x: float, y: float, colour: Colour) -> None:
    rng = pen.rng
    for _ in range(rng.randint(3, 14)):
        size, flat, angle = rng.uniform(2, 9), rng.uniform(0.6, 1), rng.uniform(0, TURN)
        place = near(rng, x, y, 40)
        pen.ellipse(*place, size, size * flat, jitter(rng, colour, 12), turn=angle, corners=9, wobble=0.1)


def twig(pen: Pen, x: float, y: float, colour: Colour) -> None:
    rng = pen.rng
    wood = hsv(rng.uniform(0.05, 0.1), rng.uniform(0.2, 0.6), rng.uniform(0.2, 0.6))
    half = rng.uniform(40, 150)
    with pen.placed(x, y, rng.uniform(0, TURN)):
        pen.stroke(curve((-half, 0), (0, rng.uniform(-20, 20)), (half, 0)), rng.uniform(5, 11), 3, wood)
        for _ in range(rng.randint(0, 3)):
            fork = rng.uniform(-half, half)
            pen.stroke([(fork, 0), (fork + rng.uniform(10, 40), rng.choice((-1, 1)) * rng.uniform(15, 45))], 4, 2, wood)


def drops(pen: Pen, x: float, y: float, colour: Colour) -> None:
    rng = pen.rng
    for _ in range(rng.randint(2, 7)):
        radius = rng.uniform(4, 12)
        drop_x, drop_y = near(rng, x, y, 70)
        pen.ellipse(drop_x, drop_y, radius, radius, (235, 245, 255), alpha=70, shade=0.5, outline=0)
        glint_x, glint_y = (middle + toward * radius * 0.4 for middle, toward in zip((drop_x, drop_y), pen.light))
        pen.dot(glint_x, glint_y, radius * 0.22, WHITE)


def fallen_leaves(pen: Pen, x: float, y: float, colour: Colour) -> None:
    rng = pen.rng
    for _ in range(rng.randint(1, 3)):
        length = rng.uniform(50, 150)
        with pen.placed(*near(rng, x, y, 60), rng.uniform(0, TURN)):
            leaf(pen, length, length * rng.uniform(0.15, 0.3), colour)


def fallen_petals(pen: Pen, x: float, y: float, colour: Colour) -> None:
    rng = pen.rng
    for _ in range(rng.randint(1, 3)):
        length = rng.uniform(30, 90)
        with pen.placed(*near(rng, x, y, 60), rng.uniform(0, TURN)):
            pen.polygon(petal_outline(length, length / 3, 0.6), colour, rng.randint(150, 255), shade=0.5)


def seeds(pen: Pen, x: float, y: float, colour: Colour) -> None:
    rng = pen.rng
    for _ in range(rng.randint(3, 9)):
        outline = petal_outline(rng.uniform(14, 26), rng.uniform(4, 7))
        with pen.placed(*near(rng, x, y, 60), rng.uniform(0, TURN)):
            pen.polygon(outline, jitter(rng, colour, 10), shade=0.6, outline=0.08)


def blades(pen: Pen, x: float, y: float, colour: Colour) -> None:
    """Blades of grass that grow in from the border."""
    rng, half = pen.rng, CANVAS / 2
    for _ in range(rng.randint(1, 4)):
        with pen.placed(half, half, rng.uniform(0, TURN)):
            foot, bend = (-1.6 * half, rng.uniform(-half, half)), (-0.4 * half, rng.uniform(-half, half))
            tip = (rng.uniform(-60, 120), rng.uniform(-half, half))
            pen.stroke(curve(foot, bend, tip), rng.uniform(8, 18), 1, jitter(rng, colour, 8))


def near(rng: random.Random, x: float, y: float, spread: float) -> Point:
    """A point about `spread` px away from (x, y)."""
    return x + rng.gauss(0, spread), y + rng.gauss(0, spread)


CLUTTER: tuple[Callable[[Pen, float, float, Colour], None], ...] = (
    crumbs, twig, drops, fallen_leaves, fallen_petals, seeds, blades,
)  # fmt: skip


def scatter(pen: Pen) -> None:
    """Draw one kind of small things somewhere on the canvas."""
    x, y = anywhere(pen.rng)
    pen.rng.choice(CLUTTER)(pen, x, y, any_tone(pen.rng, 16))


def with_shadow(image: Image.Image, pen: Pen) -> Image.Image:
    """A picture with the soft shadow of what the pen has drawn, on the side away from the light."""
    rng = pen.rng
    distance, strength = rng.uniform(3, 14), rng.uniform(0.25, 0.6)
    mask = pen.silhouette().filter(ImageFilter.GaussianBlur(rng.uniform(2, 7)))
    shifted = Image.new("L", image.size, 0)
    shifted.paste(mask, (round(-pen.light[0] * distance), round(-pen.light[1] * distance)))
    return Image.composite(Image.new("RGB", image.size, (18, 14, 24)), image, scaled(shifted, strength))


def lit(image: Image.Image, rng: random.Random, angle: float) -> Image.Image:
    """A picture a little darker on the side away from the light and, sometimes, in its corners."""
    brightest = rng.randint(60, 255)
    toward_light = slope(90 - math.degrees(angle)).point([min(255, i + brightest) for i in range(256)])
    image = Image.composite(image, scaled(image, 0.8), toward_light)
    if rng.random() < 0.4:
        corners = scaled(Image.radial_gradient("L").resize(image.size), 0.7)
        image = Image.composite(scaled(image, 0.6), image, corners)
    return image


def photograph(image: Image.Image, rng: random.Random, size: int) -> Image.Image:
    """The canvas as a camera would see it: colour cast, exposure, contrast, focus, `size` px, grain."""
    casts = [rng.uniform(0.86, 1.1) for _ in range(3)]
    exposure, gamma = rng.uniform(0.9, 1.25), rng.uniform(0.82, 1.2)
    image = image.point([clamp(255 * (i / 255) ** gamma * exposure * cast) for cast in casts for i in range(256)])
    image = ImageEnhance.Color(image).enhance(rng.uniform(0.75, 1.3))
    if rng.random() < 0.35:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(1, 3.2)))
    image = image.resize((size, size), Image.Resampling.LANCZOS)
    if rng.random() < 0.5:
        grain = Image.frombytes("RGB", image.size, rng.randbytes(3 * size * size))
        image = Image.blend(image, grain, rng.uniform(0.01, 0.06))
    return image


def scaled(image: Image.Image, factor: float) -> Image.Image:
    """An image with all its values multiplied by a factor."""
    return image.point([clamp(i * factor) for i in range(256)] * len(image.getbands()))


def jpeg(image: Image.Image) -> bytes:
    """The picture as the bytes of a JPEG file of quality 88."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=88, subsampling=0)
    return file.getvalue()
