"""Small pictures that the tests share."""

import io
import struct

import numpy as np
from PIL import Image


def noise(seed: int, height: int = 6, width: int = 8) -> Image.Image:
    """Every pixel random."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def flat(mode: str, colour: int | tuple[int, ...]) -> Image.Image:
    """16 x 16 pixels of one colour."""
    return Image.new(mode, (16, 16), colour)


# what cameras have written where a number or a text belongs: (tag, type, how many, value), see the TIFF specification
ODD_NOTES = {
    "resolution as text": (0x11A, 2, 3, b"72\0\0"),
    "resolution -1 of 0": (0x11A, 10, 1, struct.pack("<ii", -1, 0)),
    "width -1": (0x100, 9, 1, struct.pack("<i", -1)),
    "unit -2": (0x128, 8, 1, struct.pack("<hh", -2, 0)),
    "maker as a fraction": (0x10F, 5, 1, struct.pack("<II", 1, 2)),
}


def with_odd_notes(image: Image.Image, note: str) -> bytes:
    """A JPEG whose camera wrote that it is to be turned clockwise, and one of the `ODD_NOTES`."""
    tag, kind, count, value = ODD_NOTES[note]
    entries = [(0x0112, 3, 1, struct.pack("<HH", 6, 0)), (tag, kind, count, value)]
    end = 8 + 2 + 12 * len(entries) + 4  # where values of more than four bytes begin
    body = b"".join(
        struct.pack("<HHI", tag, kind, count) + (value if len(value) == 4 else struct.pack("<I", end))
        for tag, kind, count, value in sorted(entries)
    )
    head = b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries))
    file = io.BytesIO()
    image.save(file, "JPEG", exif=head + body + bytes(4) + (value if len(value) != 4 else b""))
    return file.getvalue()
