"""Parts that several drawings are made of: tables of cells, and a digit."""

import struct
from collections.abc import Callable, Sequence
from zlib import adler32, crc32

from diagrams.canvas import Canvas
from diagrams.style import HAIRLINE, INK, PAPER

Colour = Callable[[int, int], str]
MINUS = "\N{MINUS SIGN}"


def signed(value: float) -> str:
    """A number with a minus as long as a plus."""
    return f"{value:g}".replace("-", MINUS)


def cells(
    canvas: Canvas,
    x: float,
    y: float,
    size: float,
    rows: int,
    columns: int,
    fill: str | Colour = PAPER,
    stroke: str = HAIRLINE,
    thick: float = 1,
) -> None:
    """A table of square cells; `fill` may depend on row and column."""
    for row in range(rows):
        for column in range(columns):
            color = fill if isinstance(fill, str) else fill(row, column)
            canvas.box(x + column * size, y + row * size, size, size, color, stroke, thick, round=0)


def numbers(
    canvas: Canvas,
    x: float,
    y: float,
    cell: float,
    table: Sequence[Sequence[str]],
    color: str = INK,
    bold: bool = False,
) -> None:
    """One text in the middle of each cell of a table that `cells` has drawn; an empty one writes nothing."""
    for row, texts in enumerate(table):
        for column, text in enumerate(texts):
            if text:
                canvas.text(x + (column + 0.5) * cell, y + (row + 0.5) * cell, text, 15, color, bold=bold)


def digit() -> list[list[int]]:
    """A handwritten 3 of 28 x 28 pixels, from 0, paper, to 255, ink."""
    stroke = [(9.0, 6.8), (12.0, 5.0), (15.6, 4.9), (18.2, 6.8), (18.3, 9.4), (16.2, 11.8), (12.8, 13.2)]
    stroke += [(16.4, 13.6), (19.2, 15.8), (19.8, 18.6), (18.0, 21.6), (14.4, 23.1), (10.8, 22.6), (8.4, 20.8)]
    rows = []
    for y in range(28):
        row = []
        for x in range(28):
            near = min(_distance(x + 0.5, y + 0.5, *a, *b) for a, b in zip(stroke, stroke[1:]))
            row.append(round(255 * min(1.0, max(0.0, 2.1 - near))))
        rows.append(row)
    return rows


def _distance(x: float, y: float, ax: float, ay: float, bx: float, by: float) -> float:
    """From a point to the straight piece between two others."""
    dx, dy = bx - ax, by - ay
    share = min(1.0, max(0.0, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)))
    return float(((x - ax - share * dx) ** 2 + (y - ay - share * dy) ** 2) ** 0.5)


def grey_png(rows: Sequence[Sequence[int]]) -> bytes:
    """A PNG file of ink from 0 to 255 on white, uncompressed, so that no library's version changes a byte."""
    raw = b"".join(b"\0" + bytes(255 - ink for ink in row) for row in rows)
    stored = struct.pack("<BHH", 1, len(raw), len(raw) ^ 0xFFFF) + raw  # one block of zlib's format
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 0, 0, 0, 0)
    chunks = {b"IHDR": header, b"IDAT": b"\x78\x01" + stored + struct.pack(">I", adler32(raw)), b"IEND": b""}
    framed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc32(kind + data))
        for kind, data in chunks.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


def show_digit(canvas: Canvas, x: float, y: float, side: float, edge: str = INK) -> None:
    """The handwritten 3, pixels visible, in a thin frame."""
    canvas.png(x, y, side, grey_png(digit()))
    canvas.box(x, y, side, side, "none", edge, thick=1, round=0)
