"""Lesson 05: the residual block beside the plain one, the bottleneck beside the basic block, the whole ResNet."""

from diagrams.canvas import Canvas, Texts
from diagrams.style import (
    BLUE,
    DARK_YELLOW,
    GREEN,
    GREY,
    HAIRLINE,
    INK,
    LIGHT_BLUE,
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
        code = "return F.relu(out + x)" if shortcut else "return F.relu(out)"
        canvas.text(center, y + 122, code, mono=True, stress=" + x" if shortcut else "")
    canvas.line([(430, 60), (430, 470)], HAIRLINE, 1.5)
    return canvas


def basic_bottleneck(texts: Texts) -> Canvas:
    canvas = Canvas(500, texts["title"])
    basic = [(3, 256, 256), (3, 256, 256)]
    bottleneck = [(1, 256, 64), (3, 64, 64), (1, 64, 256)]
    for center, key, convolutions in [(210, "basic", basic), (650, "bottleneck", bottleneck)]:
        canvas.text(center, 28, texts[key], 18, bold=True)
        step = 320 / len(convolutions)
        y = 62.0
        for kernel, before, after in convolutions:
            band(canvas, center, y, before)
            top, bottom = y + 24, y + step
            half_in, half_out = 0.45 * before, 0.45 * after
            canvas.polygon(
                [(center - half_in, top), (center + half_in, top), (center + half_out, bottom),
                 (center - half_out, bottom)], PALE_GREEN, GREEN)  # fmt: skip
            weights = kernel * kernel * before * after
            canvas.text(center, (top + bottom) / 2, f"{kernel} × {kernel}", 17, bold=True)
            canvas.text(center + 130, (top + bottom) / 2, f"{weights:,}", 15, GREEN, "start")
            y += step
        band(canvas, center, y, convolutions[-1][2])
        left = center - 0.45 * 256
        canvas.arrow([(left, 74), (left - 36, 74), (left - 36, y + 12), (left - 3, y + 12)], YELLOW, 4, bend=18)
        weights = sum(kernel * kernel * before * after for kernel, before, after in convolutions)
        of_norms = sum(2 * after for _, _, after in convolutions)
        canvas.text(center, 448, texts["weights"].format(f"{weights:,}"), 17, GREEN, bold=True)
        canvas.text(center, 472, texts["parameters"].format(f"{weights + of_norms:,}"), 15, GREY)
    return canvas


def band(canvas: Canvas, center: float, y: float, channels: int) -> None:
    """Numbers on their way, as wide as there are channels."""
    canvas.box(center - 0.45 * channels, y, 0.9 * channels, 24, PALE_BLUE, BLUE, round=3)
    canvas.text(center, y + 12, str(channels), 15, BLUE, bold=True)


LAYERS = {"layer1": (64, 56, 3), "layer2": (128, 28, 4), "layer3": (256, 14, 6), "layer4": (512, 7, 3)}  # of ResNet-34
TALL, WIDE, DEEP = 0.75, 0.155, 0.17  # px of the drawing for a pixel of a map, a channel, a pixel seen slantwise


def resnet_strip(texts: Texts) -> Canvas:
    """Each volume is as high and as deep as its maps and as wide as it has channels."""
    canvas = Canvas(326, texts["title"])
    middle, end = 136.0, 0.0
    columns: list[tuple[float, str, int, int]] = []
    for name, channels, side, center in [("picture", 3, 224, 54), ("conv1", 64, 112, 140), ("maxpool", 64, 56, 216)]:
        left = center - (WIDE * channels + DEEP * side) / 2
        if end:
            canvas.arrow([(end + 4, middle), (left - 4, middle)], BLUE, 2.5)
        end = volume(canvas, left, middle, channels, side)
        columns.append((center, texts[name], channels, side))
    for name, (channels, side, blocks) in LAYERS.items():
        begin, fork, rise = end + 46, end + 22, middle - (TALL / 2 + DEEP) * side - 24
        canvas.line([(end, middle), (begin, middle)], BLUE, 2.5)
        end = volume(canvas, begin, middle, channels, side)
        columns.append(((begin + end) / 2, name, channels, side))
        plus = end + 16
        canvas.line([(end, middle), (plus, middle)], BLUE, 2.5)
        canvas.arrow([(fork, middle), (fork, rise), (plus, rise), (plus, middle - 7)], YELLOW, 2.5, bend=9)
        canvas.circle(plus, middle, 6.5, PAPER, INK, 1.6)
        canvas.line([(plus - 3.5, middle), (plus + 3.5, middle)], INK, 1.6)
        canvas.line([(plus, middle - 3.5), (plus, middle + 3.5)], INK, 1.6)
        canvas.text((fork + plus) / 2, rise - 14, f"× {blocks}", 16, DARK_YELLOW, bold=True)
        end = plus + 6.5
    canvas.arrow([(end, middle), (end + 28, middle)], BLUE, 2.5)
    left = end + 33
    end = volume(canvas, left, middle, 512, 3)
    columns.append(((left + end) / 2, "avgpool", 512, 1))
    canvas.arrow([(end + 4, middle), (end + 28, middle)], BLUE, 2.5)
    canvas.box(end + 33, middle - 34, 11, 68, PALE_PURPLE, PURPLE, round=1)
    canvas.text(end + 38, 250, "fc", 15, bold=True)
    canvas.text(end + 38, 274, texts["logits"], SMALL, PURPLE)
    for place, name, channels, side in columns:
        canvas.text(place, 250, name, 15, bold=True)
        canvas.text(place, 274, str(channels), 15, BLUE)
        canvas.text(place, 298, f"{side} × {side}", SMALL)
    return canvas


def volume(canvas: Canvas, x: float, middle: float, channels: int, side: float) -> float:
    """Returns where it ends."""
    width, height, deep = max(WIDE * channels, 2), TALL * side, DEEP * side
    top, bottom, end = middle - height / 2, middle + height / 2, x + width
    canvas.polygon([(x, top), (x + deep, top - deep), (end + deep, top - deep), (end, top)], "#EDF5FA", BLUE)
    canvas.polygon([(end, top), (end + deep, top - deep), (end + deep, bottom - deep), (end, bottom)], LIGHT_BLUE, BLUE)
    canvas.polygon([(x, top), (end, top), (end, bottom), (x, bottom)], PALE_BLUE, BLUE)
    return end + deep
