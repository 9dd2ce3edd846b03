"""Lesson 01: from a picture to a normalized tensor, and the squashed picture that one gets otherwise."""

from diagrams.canvas import Canvas, Texts, number
from diagrams.parts import signed
from diagrams.style import BLUE, GREY, HAIRLINE, INK, ORANGE, PAPER, SMALL, YELLOW

WIDTH, HEIGHT = 640, 427  # of the lesson's picture
SIZE = 64
SHORTER = round(SIZE * 8 / 7)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
RINGS = [(18, 176, 34, "#A82C4E"), (18, 146, 30, "#C43C5C"), (14, 112, 28, "#DB5A70"), (12, 78, 22, "#EC8090"),
         (9, 46, 15, "#F6AAA8")]  # fmt: skip  # of petals: how many, their length and half width, colour


def define_flower(canvas: Canvas) -> None:
    """The picture, a dahlia before leaves, once, and a filter for each channel that leaves this one."""
    add = canvas.parts.append
    add(f'<defs><g id="flower"><rect width="{WIDTH}" height="{HEIGHT}" fill="#3F6B4C"/>')
    for x, y, turn, size, green in [(60, 330, 40, 190, "#4F8059"), (560, 120, -30, 220, "#35593F"),
                                   (90, 70, 120, 170, "#35593F"), (590, 380, 200, 180, "#4F8059")]:  # fmt: skip
        leaf = f"M0 {-size / 2:g} Q{0.36 * size:g} 0 0 {size / 2:g} Q{-0.36 * size:g} 0 0 {-size / 2:g}"
        add(f'<path transform="translate({x} {y}) rotate({turn})" d="{leaf}" fill="{green}"/>')
    add('<g transform="translate(320 214)">')
    for ring, (count, length, half, fill) in enumerate(RINGS):
        petal = f"M0 0C{half} {-0.3 * length:g} {half} {-0.92 * length:g} 0 {-length}"
        petal += f"C{-half} {-0.92 * length:g} {-half} {-0.3 * length:g} 0 0"
        for index in range(count):
            angle = number(360 / count * (index + ring % 2 / 2))
            stroke = 'stroke="#7F1F3B" stroke-width="1.5"'
            add(f'<path d="{petal}" transform="rotate({angle})" fill="{fill}" {stroke}/>')
    add('<circle r="17" fill="#F2C14E"/></g></g>')
    for channel in range(3):
        kept = " ".join("1" if column == channel else "0" for column in range(5))
        rows = [kept if row == channel else "0 0 0 0 0" for row in range(3)]
        matrix = f'<feColorMatrix values="{" ".join([*rows, "0 0 0 1 0"])}"/>'
        space = 'color-interpolation-filters="sRGB"'
        add(f'<filter id="channel{channel}" x="0" y="0" width="1" height="1" {space}>{matrix}</filter>')
    add("</defs>")


def show_flower(
    canvas: Canvas,
    x: float,
    y: float,
    width: float,
    height: float,
    part: tuple[float, float] = (WIDTH, HEIGHT),
    channel: int | None = None,
) -> None:
    """The middle of the picture, `part` of its pixels wide and high, stretched to `width` and `height`."""
    left, top = (WIDTH - part[0]) / 2, (HEIGHT - part[1]) / 2
    window = f"{number(left)} {number(top)} {number(part[0])} {number(part[1])}"
    place = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
    only = f' filter="url(#channel{channel})"' if channel is not None else ""
    flower = f'<use href="#flower"{only}/>'
    canvas.parts.append(f'<svg {place} viewBox="{window}" preserveAspectRatio="none">{flower}</svg>')
    canvas.box(x, y, width, height, "none", INK if channel is None else PAPER, 1, round=0)


def picture_to_tensor(texts: Texts) -> Canvas:
    canvas = Canvas(556, texts["title"])
    define_flower(canvas)
    longer = int(SHORTER * WIDTH / HEIGHT)
    cut = SIZE * HEIGHT / SHORTER  # side of the crop, in pixels of the first picture
    middle, scale, whole = 140, 1.45, (WIDTH, HEIGHT)
    steps = [
        (156, (207, 138), whole, "picture", ""),
        (399, (longer * scale, SHORTER * scale), whole, "resized", f"Resize({SHORTER})"),
        (584, (SIZE * scale, SIZE * scale), (cut, cut), "cropped", f"CenterCrop({SIZE})"),
        (752, (SIZE * scale, SIZE * scale), whole, "squashed", f"Resize(({SIZE}, {SIZE}))"),
    ]
    sizes = [whole, (longer, SHORTER), (SIZE, SIZE), (SIZE, SIZE)]
    for index, (center, (width, height), part, key, call) in enumerate(steps):
        left, top = center - width / 2, middle - height / 2
        show_flower(canvas, left, top, width, height, part)
        bad = key == "squashed"
        canvas.text(center, 242, texts[key], 16, ORANGE if bad else INK, bold=True)
        canvas.text(center, 222, "{} × {}".format(*sizes[index]), SMALL, GREY)
        if call:
            canvas.text(center, 60, call, SMALL, ORANGE if bad else BLUE, mono=True)
        if index in (1, 2):
            before = steps[index - 1][0] + steps[index - 1][1][0] / 2
            canvas.arrow([(before + 5, middle), (left - 5, middle)], BLUE, 3)
    canvas.box(399 - SIZE * scale / 2, middle - SIZE * scale / 2, SIZE * scale, SIZE * scale, "none", YELLOW, 2.5,
               round=0, dash="6 4")  # fmt: skip
    canvas.text(40, middle, texts["height"].format(HEIGHT), SMALL, GREY, turn=-90)
    canvas.text(156, 60, texts["width"].format(WIDTH), SMALL, GREY)
    canvas.arrow([(240, 68), (240, 22), (846, 22), (846, middle), (804, middle)], ORANGE, 2, 14, "6 4")
    canvas.circle(552, 22, 10, PAPER, ORANGE)
    canvas.line([(548, 18), (556, 26)], ORANGE, 2.5)
    canvas.line([(548, 26), (556, 18)], ORANGE, 2.5)
    # from the cropped picture down to its numbers
    row = 390
    canvas.arrow([(584, 258), (584, 282), (130, 282), (130, row - 70)], BLUE, 3, bend=14)
    canvas.text(148, 304, "ToImage(), ToDtype(torch.float32, scale=True)", SMALL, BLUE, "start", mono=True)
    lowest = min(-mean / std for mean, std in zip(MEAN, STD))
    highest = max((1 - mean) / std for mean, std in zip(MEAN, STD))
    for center, low, high in [(130, 0.0, 1.0), (620, lowest, highest)]:
        planes(canvas, center - 70, row, cut)
        canvas.text(center, row + 78, f"(3, {SIZE}, {SIZE})", 15)
        canvas.text(center, row + 98, texts["shape"], SMALL, GREY)
        scale_bar(canvas, center, row + 128, low, high)
    canvas.arrow([(232, row + 10), (518, row + 10)], BLUE, 3)
    canvas.text(370, row - 10, "Normalize(mean, std)", SMALL, BLUE, mono=True)
    return canvas


def planes(canvas: Canvas, x: float, y: float, cut: float) -> None:
    """One plane for each channel, red in front."""
    for channel in (2, 1, 0):
        show_flower(canvas, x + 24 * channel, y - 36 - 12 * channel, 92, 92, (cut, cut), channel)


def scale_bar(canvas: Canvas, x: float, y: float, low: float, high: float) -> None:
    """Which numbers there are, on an axis with 0 at `x`."""
    unit = 30
    canvas.line([(x - 3.4 * unit, y), (x + 3.4 * unit, y)], HAIRLINE, 1.5)
    canvas.line([(x + low * unit, y), (x + high * unit, y)], BLUE, 7)
    canvas.line([(x, y - 8), (x, y + 8)], INK, 1.5)
    for value in sorted({0.0, low, high}):
        canvas.text(x + value * unit, y + 20, signed(round(value, 1)), SMALL, BLUE if value else GREY)
