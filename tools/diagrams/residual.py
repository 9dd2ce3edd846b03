"""Lesson 05: the residual block beside the plain one, the bottleneck beside the basic block, the whole ResNet."""

from diagrams.canvas import Canvas
from diagrams.style import BLUE, GREEN, GREY, HAIRLINE, INK, PALE, PALE_BLUE, PALE_GREEN, PALE_PURPLE, PAPER, PURPLE, SMALL, YELLOW

Texts = dict[str, str]


def residual_block(texts: Texts) -> Canvas:
    canvas = Canvas(530, texts["title"])
    for center, key in [(215, "plain"), (645, "residual")]:
        shortcut = key == "residual"
        canvas.text(center, 28, texts[key], 18, bold=True)
        canvas.text(center, 62, "x", 18, BLUE, bold=True)
        top = 122.0
        canvas.arrow([(center, 74), (center, top)], BLUE, 2.5)
        if shortcut:
            canvas.box(center - 112, top - 8, 224, 226, "#F7FAFC", HAIRLINE, 1.2, dash="4 4")
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
            canvas.arrow([(center - 2.5, 88), (center + 158, 88), (center + 158, y), (center + 18, y)], YELLOW, 5, bend=22)
            canvas.circle(center, y, 16, PAPER, INK, 2)
            canvas.text(center, y, "+", 22, bold=True)
            canvas.text(center + 172, 220, "x", 18, BLUE, "start", bold=True)
            canvas.text(center + 172, 243, texts["unchanged"], SMALL, GREY, "start")
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


LAYERS = {"layer1": (64, 56), "layer2": (128, 28), "layer3": (256, 14), "layer4": (512, 7)}  # of ResNet-18, at 224


def resnet_strip(texts: Texts) -> Canvas:
    """Each volume as high as its maps (0.75 px a pixel) and as wide as it has channels (0.17 px each)."""
    canvas = Canvas(402, texts["title"])
    middle, x = 132.0, 28.0
    columns = []

    def volume(channels: int, side: float, name: str = "", fill: str = PALE_BLUE, edge: str = BLUE) -> tuple[float, float]:
        width, height = max(0.17 * channels, 3), max(0.75 * side, 3)
        canvas.box(x, middle - height / 2, width, height, fill, edge, 1.5, round=1)
        return x, x + width

    def flow(to: float) -> None:
        canvas.arrow([(to - 21, middle), (to - 2, middle)], BLUE, 2)

    start, end = volume(3, 224)
    columns.append(((start + end) / 2, texts["picture"], 3, 224))
    for channels, side, name in [(64, 112, "conv1"), (64, 56, "maxpool")]:
        x = end + 38
        canvas.arrow([(end + 6, middle), (x - 4, middle)], BLUE, 2)
        start, end = volume(channels, side)
        columns.append(((start + end) / 2, name, channels, side))
    for name, (channels, side) in LAYERS.items():
        first = end + 26
        for _ in range(2):
            x = end + 26
            before = end
            canvas.arrow([(end + 4, middle), (x - 3, middle)], BLUE, 2)
            start, end = volume(channels, side)
            rise = 0.375 * side + 26
            path = [(before + 13, middle), (before + 13, middle - rise), (end + 13, middle - rise), (end + 13, middle)]
            canvas.line(path[:1], YELLOW)
            canvas.arrow([(before + 9, middle - 3), (before + 9, middle - rise), (end + 7, middle - rise), (end + 7, middle - 3)], YELLOW, 2, bend=8)
        columns.append(((first + end) / 2, name, channels, side))
    x = end + 30
    canvas.arrow([(end + 4, middle), (x - 3, middle)], BLUE, 2)
    for center, name, channels, side in columns:
        canvas.text(center, 266, name, SMALL, bold=True)
        canvas.text(center, 290, f"{channels}", SMALL, BLUE)
        canvas.text(center, 314, f"{side}", SMALL)
        canvas.text(center, 338, f"{side * 64 // 224}", SMALL)
    return canvas
