"""Lesson 05: the residual block beside the plain one, the bottleneck beside the basic block, the whole ResNet."""

from diagrams.canvas import Canvas, Texts
from diagrams.style import (
    BLUE,
    GREEN,
    GREY,
    HAIRLINE,
    INK,
    PALE,
    PALE_BLUE,
    PALE_GREEN,
    PALE_PURPLE,
    PAPER,
    PURPLE,
    SMALL,
    YELLOW,
)


def residual_block(texts: Texts) -> Canvas:
    canvas = Canvas(530, texts["title"])
    for center, key in [(215, "plain"), (635, "residual")]:
        shortcut = key == "residual"
        canvas.text(center, 28, texts[key], 18, bold=True)
        canvas.text(center, 62, "x", 18, BLUE, bold=True)
        top = 122.0
        if shortcut:
            y = top + 4 * 43 + 34 + 44
            canvas.box(center - 112, top - 8, 224, 226, "#F7FAFC", HAIRLINE, 1.2, dash="4 4")
            way = [(center, 90), (center + 148, 90), (center + 148, y), (center + 18, y)]
            canvas.arrow(way, YELLOW, 5, bend=22)
            canvas.circle(center, 90, 4.5, YELLOW)
        canvas.arrow([(center, 74), (center, top - 1)], BLUE, 2.5)
        for index, (name, fill, edge) in enumerate(
            [("Conv 3 × 3", PALE_GREEN, GREEN), ("BatchNorm", PALE_GREEN, GREEN), ("ReLU", PALE, GREY),
             ("Conv 3 × 3", PALE_GREEN, GREEN), ("BatchNorm", PALE_GREEN, GREEN)]
        ):  # fmt: skip
            canvas.box(center - 84, top + index * 43, 168, 34, fill, edge)
            canvas.text(center, top + index * 43 + 17, name)
            if index:
                canvas.line([(center, top + index * 43 - 9), (center, top + index * 43)], BLUE, 2.5)
        end = top + 4 * 43 + 34
        y = end + 44
        if shortcut:
            canvas.arrow([(center, end), (center, y - 17)], BLUE, 2.5)
            canvas.circle(center, y, 16, PAPER, INK, 2)
            canvas.text(center, y, "+", 22, bold=True)
            canvas.text(center + 160, 220, "x", 18, BLUE, "start", bold=True)
            canvas.text(center + 160, 243, texts["unchanged"], SMALL, GREY, "start")
            canvas.text(center - 126, 226, "F(x)", 18, BLUE, "end", bold=True)
            canvas.text(center - 28, y, "F(x) + x", 18, BLUE, "end", bold=True)
            canvas.arrow([(center, y + 16), (center, y + 40)], BLUE, 2.5)
        else:
            canvas.arrow([(center, end), (center, y + 40)], BLUE, 2.5)
            canvas.text(center + 14, y, "F(x)", 18, BLUE, "start", bold=True)
        canvas.box(center - 84, y + 40, 168, 34, PALE, GREY)
        canvas.text(center, y + 57, "ReLU")
        canvas.arrow([(center, y + 74), (center, y + 102)], BLUE, 2.5)
        canvas.text(center, y + 122, "return F.relu(out + x)" if shortcut else "return F.relu(out)", 16, mono=True)
    canvas.line([(430, 60), (430, 470)], HAIRLINE, 1.5)
    return canvas


def basic_bottleneck(texts: Texts) -> Canvas:
    canvas = Canvas(500, texts["title"])
    basic = [(3, 256, 256), (3, 256, 256)]
    bottleneck = [(1, 256, 64), (3, 64, 64), (1, 64, 256)]
    for center, key, convolutions in [(200, "basic", basic), (630, "bottleneck", bottleneck)]:
        canvas.text(center, 28, texts[key], 18, bold=True)
        step = 320 / len(convolutions)
        y = 62.0
        for kernel, before, after in convolutions:
            band(canvas, center, y, before)
            top, bottom = y + 24, y + step - 0
            half_in, half_out = 0.45 * before, 0.45 * after
            canvas.polygon(
                [(center - half_in, top), (center + half_in, top), (center + half_out, bottom),
                 (center - half_out, bottom)], PALE_GREEN, GREEN)  # fmt: skip
            weights = kernel * kernel * before * after
            canvas.text(center, (top + bottom) / 2, f"{kernel} × {kernel}", 17, bold=True)
            canvas.text(center + 130, (top + bottom) / 2, f"{weights:,}", 15, GREEN, "start")
            y += step
        band(canvas, center, y, convolutions[-1][2])
        total = sum(kernel * kernel * before * after for kernel, before, after in convolutions)
        canvas.text(center, 452, texts["weights"].format(f"{total:,}"), 17, GREEN, bold=True)
    return canvas


def band(canvas: Canvas, center: float, y: float, channels: int) -> None:
    """Numbers on their way, as wide as there are channels."""
    canvas.box(center - 0.45 * channels, y, 0.9 * channels, 24, PALE_BLUE, BLUE, round=3)
    canvas.text(center, y + 12, str(channels), 15, BLUE, bold=True)


LAYERS = {"layer1": (64, 56), "layer2": (128, 28), "layer3": (256, 14), "layer4": (512, 7)}
BLOCKS = 2  # in each layer of ResNet-18
TALL, WIDE = 0.75, 0.12  # px of the drawing for a pixel of a map, and for a channel


def resnet_strip(texts: Texts) -> Canvas:
    """Each volume is as high as its maps and as wide as it has channels."""
    canvas = Canvas(396, texts["title"])
    middle, small = 112, 64 / 224
    columns: list[tuple[float, str, int, int]] = []
    end = 0.0
    for name, channels, side, center in [("picture", 3, 224, 56), ("conv1", 64, 112, 130), ("maxpool", 64, 56, 200)]:
        if end:
            canvas.arrow([(end + 4, middle), (center - 8, middle)], BLUE, 2)
        end = volume(canvas, center - max(WIDE * channels, 4) / 2, middle, channels, side)
        columns.append((center, texts[name], channels, side))
    canvas.line([(end, middle), (end + 24, middle)], BLUE, 2)
    end += 24
    for name, (channels, side) in LAYERS.items():
        first = end + 14
        for _ in range(BLOCKS):
            begin = end + 18
            fork, rise = end + 6, middle - TALL * side / 2 - 14
            canvas.line([(end, middle), (begin, middle)], BLUE, 2)
            end = volume(canvas, begin, middle, channels, side)
            canvas.line([(end, middle), (end + 8, middle)], BLUE, 2)
            end += 8
            canvas.arrow([(fork, middle), (fork, rise), (end, rise), (end, middle - 4)], YELLOW, 2, bend=7)
            canvas.circle(end, middle, 4, PAPER, INK, 1.6)
            end += 4
        columns.append(((first + end) / 2, name, channels, side))
    canvas.arrow([(end, middle), (end + 22, middle)], BLUE, 2)
    columns.append((end + 56, "avgpool", 512, 1))
    end = volume(canvas, end + 26, middle, 512, 4)
    canvas.arrow([(end + 4, middle), (end + 30, middle)], BLUE, 2)
    canvas.box(end + 34, middle - 34, 10, 68, PALE_PURPLE, PURPLE, round=1)
    columns.append((end + 39, "fc", 0, 0))
    for place, name, channels, side in columns:
        canvas.text(place, 228, name, SMALL, bold=True)
        canvas.text(place, 252, str(channels) if channels else texts["logits"], SMALL, BLUE if channels else PURPLE)
        if side:
            canvas.text(place, 276, f"{side} × {side}", SMALL)
            canvas.text(place, 300, f"{max(1, round(side * small))} × {max(1, round(side * small))}", SMALL, GREY)
    canvas.text(430, 348, texts["blocks"], 15, INK)
    for x, key, color in [(150, "channels", BLUE), (290, "size", INK), (470, "smaller", GREY)]:
        canvas.text(x, 376, texts[key], SMALL, color, "start")
    return canvas


def volume(canvas: Canvas, x: float, middle: float, channels: int, side: float) -> float:
    """Returns where it ends."""
    width, height = max(WIDE * channels, 4), TALL * side
    canvas.box(x, middle - height / 2, width, height, PALE_BLUE, BLUE, 1.5, round=1)
    return x + width
