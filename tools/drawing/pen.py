"""A pen that collects shapes in local coordinates and paints them, in order, on a picture.

A thing is drawn in its own units, about [-1, 1] in both directions, x to the right and y down; `Pen.placed` says
where on the canvas those units lie. Angles are in radians. Coordinates are rounded to an eighth of a canvas
pixel, so that the last digits of a sine, which differ between machines, never decide the colour of a pixel.
"""

import math
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from PIL import Image, ImageDraw

from .colours import Colour, darker, jitter, lighter

Point = tuple[float, float]

FINISHED = 96  # width and height of a finished picture, px
CANVAS = 3 * FINISHED  # pictures are drawn three times as large and then reduced, which smooths the edges
TURN = 2 * math.pi


class Pen:
    """A display list of filled polygons with an affine transform and a direction of light.

    Attributes:
        rng: the source of everything that is left to chance in the picture.
        light: unit vector that points to the light, in canvas directions.
        shapes: the polygons so far, each with its points (canvas px) and its colour (red, green, blue, alpha).
    """

    def __init__(self, rng: random.Random, light: Point) -> None:
        self.rng = rng
        self.light = light
        self.shapes: list[tuple[list[Point], tuple[int, int, int, int]]] = []
        self._matrix = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)

    @contextmanager
    def placed(
        self, x: float = 0, y: float = 0, turn: float = 0, scale: float = 1, scale_y: float | None = None
    ) -> Iterator[None]:
        """Move the origin to (x, y), turn by `turn` and stretch by `scale` (along y by `scale_y`) for a while."""
        before = self._matrix
        a, b, c, d, e, f = before
        scale_y = scale if scale_y is None else scale_y
        cosine, sine = math.cos(turn), math.sin(turn)
        along_x, along_y = (cosine * scale, sine * scale), (-sine * scale_y, cosine * scale_y)
        self._matrix = (
            a * along_x[0] + b * along_x[1], a * along_y[0] + b * along_y[1], a * x + b * y + c,
            d * along_x[0] + e * along_x[1], d * along_y[0] + e * along_y[1], d * x + e * y + f,
        )  # fmt: skip
        try:
            yield
        finally:
            self._matrix = before

    def polygon(
        self, points: Sequence[Point], colour: Colour, alpha: int = 255, shade: float = 0, outline: float = 0
    ) -> None:
        """Fill a polygon.

        Args:
            points: the corners, in local units.
            colour: its colour; `alpha` is its opacity, 0 to 255.
            shade: strength of the shading that makes it look round, 0 (flat) to about 1.
            outline: width of a dark outline as a share of the shape's size.
        """
        pixels = self._to_canvas(points)
        if outline:
            self._add(_shrunk(pixels, 1 + outline, _middle(pixels)), darker(colour, 0.55), alpha)
        self._add(pixels, colour, alpha)
        if shade:
            self._shade(pixels, shade)

    def shade(self, points: Sequence[Point], strength: float = 1) -> None:
        """Make what lies inside an outline look round: darker all over, then lighter towards the light."""
        self._shade(self._to_canvas(points), strength)

    def ellipse(
        self, x: float, y: float, radius_x: float, radius_y: float, colour: Colour, *,
        turn: float = 0, alpha: int = 255, shade: float = 0.8, outline: float = 0.06, corners: int = 26,
        wobble: float = 0, egg: float = 0,
    ) -> None:  # fmt: skip
        """Fill an ellipse; `wobble` makes it uneven and `egg` blunter at its right end (shares of its radius)."""
        phase = self.rng.uniform(0, TURN) if wobble else 0
        points = ellipse_outline(x, y, radius_x, radius_y, turn, corners, wobble, phase, egg)
        self.polygon(points, colour, alpha, shade, outline)

    def dot(self, x: float, y: float, radius: float, colour: Colour, alpha: int = 255) -> None:
        """Fill a small flat circle."""
        self.polygon(ellipse_outline(x, y, radius, radius, corners=10), colour, alpha)

    def stroke(self, points: Sequence[Point], start: float, end: float, colour: Colour, alpha: int = 255) -> None:
        """Draw a line whose width goes evenly from `start` to `end` (local units)."""
        left, right = [], []
        last = len(points) - 1
        for i, (x, y) in enumerate(points):
            (x0, y0), (x1, y1) = points[max(0, i - 1)], points[min(last, i + 1)]
            length = math.hypot(x1 - x0, y1 - y0) or 1
            half = (start + (end - start) * i / last) / 2 / length
            left.append((x - (y1 - y0) * half, y + (x1 - x0) * half))
            right.append((x + (y1 - y0) * half, y - (x1 - x0) * half))
        self.polygon(left + right[::-1], colour, alpha)

    def limb(self, points: Sequence[Point], start: float, end: float, colour: Colour) -> None:
        """Draw straight, tapering pieces with a round joint between each two of them: a leg, a feeler."""
        pieces = len(points) - 1
        for i in range(pieces):
            width, next_width = (start + (end - start) * k / pieces for k in (i, i + 1))
            self.stroke(points[i : i + 2], width, next_width, colour)
            if i:
                self.dot(*points[i], width * 0.55, lighter(colour, 0.15))

    def fuzz(
        self, x: float, y: float, radius_x: float, radius_y: float, colour: Colour, *,
        hairs: int = 70, length: float = 0.07, width: float = 0.02, inner: float = 0.75,
    ) -> None:  # fmt: skip
        """Grow hairs outwards from an ellipse; each begins between `inner` and 1 times its radius."""
        for _ in range(hairs):
            angle, root = self.rng.uniform(0, TURN), self.rng.uniform(inner, 1)
            lean = angle + self.rng.uniform(-0.25, 0.25)
            start = (x + radius_x * root * math.cos(angle), y + radius_y * root * math.sin(angle))
            tip = (x + (radius_x * root + length) * math.cos(lean), y + (radius_y * root + length) * math.sin(lean))
            self.stroke([start, tip], width, width * 0.4, jitter(self.rng, colour, 22))

    def paint(self, image: Image.Image) -> Image.Image:
        """Paint all shapes on an RGB image and return that image."""
        brush = ImageDraw.Draw(image, "RGBA")
        for points, colour in self.shapes:
            brush.polygon(points, fill=colour)
        return image

    def silhouette(self, first: int = 0) -> Image.Image:
        """White where the shapes, from number `first` on, lie that are not very transparent, black elsewhere."""
        mask = Image.new("L", (CANVAS, CANVAS), 0)
        brush = ImageDraw.Draw(mask)
        for points, (*_, alpha) in self.shapes[first:]:
            if alpha > 100:
                brush.polygon(points, fill=255)
        return mask

    def _to_canvas(self, points: Sequence[Point]) -> list[Point]:
        a, b, c, d, e, f = self._matrix
        return [(a * x + b * y + c, d * x + e * y + f) for x, y in points]

    def _add(self, pixels: Sequence[Point], colour: Colour, alpha: int) -> None:
        self.shapes.append(([(round(x * 8) / 8, round(y * 8) / 8) for x, y in pixels], (*colour, alpha)))

    def _shade(self, pixels: Sequence[Point], strength: float, layers: int = 6) -> None:
        self._add(pixels, (15, 10, 25), int(46 * strength))
        x, y = _middle(pixels)
        light_x, light_y = self.light
        extent = sum(abs((px - x) * light_x + (py - y) * light_y) for px, py in pixels) / len(pixels)
        for layer in range(1, layers + 1):
            share = layer / (layers + 1.5)
            step = extent * share * 0.75
            moved = [(px + light_x * step, py + light_y * step) for px, py in _shrunk(pixels, 1 - share, (x, y))]
            self._add(moved, (255, 250, 235), int(17 * strength))


def _middle(points: Sequence[Point]) -> Point:
    return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)


def _shrunk(points: Sequence[Point], factor: float, middle: Point) -> list[Point]:
    """The same shape, `factor` times as large around its middle."""
    x, y = middle
    return [(x + (px - x) * factor, y + (py - y) * factor) for px, py in points]


def ellipse_outline(
    x: float, y: float, radius_x: float, radius_y: float, turn: float = 0,
    corners: int = 26, wobble: float = 0, phase: float = 0, egg: float = 0,
) -> list[Point]:  # fmt: skip
    """Corners of an ellipse around (x, y), turned by `turn`; see `Pen.ellipse`."""
    cosine, sine = math.cos(turn), math.sin(turn)
    points = []
    for i in range(corners):
        angle = TURN * i / corners
        size = 1 + wobble * math.sin(3 * angle + phase)
        across = radius_x * size * math.cos(angle)
        down = radius_y * size * math.sin(angle) * (1 + egg * math.cos(angle))
        points.append((x + across * cosine - down * sine, y + across * sine + down * cosine))
    return points


def curve(start: Point, control: Point, end: Point, count: int = 9) -> list[Point]:
    """`count` points on the quadratic curve from `start` to `end` that bends towards `control`."""
    points = []
    for i in range(count):
        t = i / (count - 1)
        from_start, from_control, from_end = (1 - t) ** 2, 2 * t * (1 - t), t * t
        x = from_start * start[0] + from_control * control[0] + from_end * end[0]
        y = from_start * start[1] + from_control * control[1] + from_end * end[1]
        points.append((x, y))
    return points


def petal_outline(
    length: float, half_width: float, widest: float = 0.5, start: float = 0, count: int = 9
) -> list[Point]:
    """Outline of a petal, leaf or wing along +x from `start`; `widest` (0 to 1) is the place of its greatest width."""
    power = math.log(0.5) / math.log(widest)
    shares = [i / (count - 1) for i in range(count)]
    edge = [(start + length * share, half_width * math.sin(math.pi * share**power)) for share in shares]
    return edge + [(x, -y) for x, y in edge[-2:0:-1]]


def band_outline(
    left: float, right: float, half_width: float, start: float, end: float, bulge: float = 0, count: int = 7
) -> list[Point]:
    """Outline of a stripe across the ellipse from x = `left` to `right`, between two shares of that length.

    A positive `bulge` (local units) bends the stripe's middle to the left.
    """
    across = [2 * i / (count - 1) - 1 for i in range(count)]

    def edge(share: float) -> list[Point]:
        height = half_width * math.sqrt(max(0.0, 1 - (2 * share - 1) ** 2))
        return [(left + (right - left) * share - bulge * (1 - v * v), v * height) for v in across]

    return edge(start) + edge(end)[::-1]
