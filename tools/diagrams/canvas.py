"""A sheet to draw on, which becomes an SVG file. Lengths are in pixels, y grows downwards."""

import math
from base64 import b64encode
from collections.abc import Sequence
from html import escape

from diagrams.style import DARK_YELLOW, HAIRLINE, INK, MONO, PAPER, SANS, SIZE, WIDTH

Point = tuple[float, float]
Texts = dict[str, str]  # the words in one drawing, see texts.toml
Value = str | float | None  # of an attribute


def number(value: float) -> str:
    """With at most two decimals, as short as it gets."""
    return f"{round(value, 2) + 0:.10g}"  # + 0 makes 0 of -0


class Canvas:
    """Collects shapes; `svg()` is the file's text. Every shape lies on those drawn before it."""

    def __init__(self, height: float, title: str, width: float = WIDTH):
        self.width, self.height = width, height
        size = f'width="{number(width)}" height="{number(height)}"'
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {number(width)} {number(height)}" '
            f'font-family="{SANS}" font-size="{SIZE}" fill="{INK}" role="img">',
            f"<title>{escape(title)}</title>",
            f'<rect {size} fill="{PAPER}"/>',  # opaque, or dark pages would show through
        ]

    def svg(self) -> str:
        return "\n".join([*self.parts, "</svg>", ""])

    def add(self, tag: str, **attributes: Value) -> None:
        """A shape by the name of its SVG element; `_` in names stands for `-`, and None leaves an attribute out."""
        written = (
            f' {name.replace("_", "-")}="{number(value) if isinstance(value, int | float) else value}"'
            for name, value in attributes.items()
            if value is not None
        )
        self.parts.append(f"<{tag}{''.join(written)}/>")

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        fill: str = PAPER,
        stroke: str | None = HAIRLINE,
        thick: float = 1.5,
        round: float = 6,
        dash: str | None = None,
        opacity: float | None = None,
    ) -> None:
        """A rectangle by its upper left corner, with rounded corners."""
        line: dict[str, Value] = {"stroke": stroke, "stroke_dasharray": dash}
        line["stroke_width"] = thick if stroke else None
        self.add("rect", x=x, y=y, width=width, height=height, rx=round or None, fill=fill, **line, opacity=opacity)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float = SIZE,
        color: str = INK,
        anchor: str = "middle",
        bold: bool = False,
        mono: bool = False,
        turn: float = 0,
        stress: str = "",
    ) -> None:
        """Text, one line under the other where it has line breaks; `y` is the middle of the block.

        Args:
            anchor: which part of a line lies at `x`: "start", "middle" or "end".
            turn: degrees, clockwise.
            stress: a part of the text that is written in bold and yellow.
        """
        lines = text.split("\n")
        step = 1.25 * size
        top = y - step * (len(lines) - 1) / 2 + 0.35 * size  # from the middle of letters to their base line
        style = f' font-size="{number(size)}"' if size != SIZE else ""
        style += f' fill="{color}"' if color != INK else ""
        style += f' text-anchor="{anchor}"' if anchor != "start" else ""
        style += ' font-weight="bold"' if bold else ""
        style += f' font-family="{MONO}"' if mono else ""
        style += f' transform="rotate({number(turn)} {number(x)} {number(y)})"' if turn else ""
        for index, line in enumerate(lines):
            place = f'x="{number(x)}" y="{number(top + index * step)}"'
            written = escape(line, quote=False)
            if stress:
                strong = f'<tspan font-weight="bold" fill="{DARK_YELLOW}">{escape(stress, quote=False)}</tspan>'
                written = written.replace(escape(stress, quote=False), strong)
            self.parts.append(f"<text {place}{style}>{written}</text>")

    def line(self, points: Sequence[Point], color: str = INK, thick: float = 2, dash: str | None = None) -> None:
        """Straight from point to point."""
        path = " ".join(f"{number(x)},{number(y)}" for x, y in points)
        line: dict[str, Value] = {"stroke": color, "stroke_width": thick, "stroke_dasharray": dash}
        self.add("polyline", points=path, fill="none", stroke_linejoin="round", **line)

    def polygon(self, points: Sequence[Point], fill: str, stroke: str | None = None, opacity: float = 1) -> None:
        path = " ".join(f"{number(x)},{number(y)}" for x, y in points)
        self.add("polygon", points=path, fill=fill, stroke=stroke, opacity=opacity if opacity < 1 else None)

    def circle(self, x: float, y: float, r: float, fill: str, stroke: str | None = None, thick: float = 2) -> None:
        self.add("circle", cx=x, cy=y, r=r, fill=fill, stroke=stroke, stroke_width=thick if stroke else None)

    def arrow(
        self, points: Sequence[Point], color: str = INK, thick: float = 2, bend: float = 0, dash: str | None = None
    ) -> None:
        """A line with a head at its last point; its corners, if any, are rounded with the radius `bend`."""
        head = 4.2 * thick**0.75
        (x, y), (px, py) = points[-1], points[-2]
        length = math.hypot(x - px, y - py)
        dx, dy = (x - px) / length, (y - py) / length
        base = (x - 1.9 * head * dx, y - 1.9 * head * dy)
        path = f"M{number(points[0][0])} {number(points[0][1])}"
        corners = [*points[:-1], base]
        for before, corner, after in zip(corners, corners[1:], corners[2:]):
            path += f" L{_towards(corner, before, bend)} Q{number(corner[0])} {number(corner[1])}"
            path += f" {_towards(corner, after, bend)}"
        path += f" L{number(base[0])} {number(base[1])}"
        self.add("path", d=path, fill="none", stroke=color, stroke_width=thick, stroke_dasharray=dash)
        left, right = ((base[0] + side * dy * head, base[1] - side * dx * head) for side in (0.85, -0.85))
        self.polygon([(x, y), left, right], color)

    def png(self, x: float, y: float, side: float, data: bytes) -> None:
        """A square picture file inside the drawing, its pixels left as squares."""
        uri = f"data:image/png;base64,{b64encode(data).decode()}"
        self.add("image", x=x, y=y, width=side, height=side, href=uri, style="image-rendering:pixelated")


def _towards(start: Point, end: Point, distance: float) -> str:
    length = math.hypot(end[0] - start[0], end[1] - start[1])
    share = min(1.0, distance / length) if length else 0
    return f"{number(start[0] + share * (end[0] - start[0]))} {number(start[1] + share * (end[1] - start[1]))}"
