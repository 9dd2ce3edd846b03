"""What the builder's kernels execute before the first cell: each figure gets a text for those who cannot see it.

The text comes from the figure itself: titles, what the axes show and from where to where, of each line where it begins
and ends and its extreme values, of bars their heights. It is stored as `alt` in the metadata of the output, for the
website. A cell with metadata `alt` has an author's text instead. It stands alone: kernels do not find tools/.
"""

from typing import Any

LONGEST = 900  # characters; a screen reader reads them all
MOST = 12  # lines, bars or titles named one by one


def number(value: float) -> str:
    """E.g. 0.123, 45, 1.2e+06, without the dust of floating point."""
    return f"{float(value):.3g}"


def place(value: float, scale: Any) -> str:
    """A number on an axis, or its day where the axis shows dates."""
    from matplotlib.dates import DateLocator, num2date

    if isinstance(scale.get_major_locator(), DateLocator):
        return f"{num2date(value):%Y-%m-%d}"
    return number(value)


def scale_text(name: str, scale: Any, span: tuple[float, float]) -> str:
    """E.g. "epoch from 1 to 10"."""
    label = " ".join(scale.get_label_text().split()) or name
    return f"{label} from {place(span[0], scale)} to {place(span[1], scale)}"


def named(artist: Any, otherwise: str) -> str:
    """E.g. “train”, as the legend says it."""
    label = artist.get_label()
    return f"“{label}”" if label and not label.startswith("_") else otherwise


def line_text(line: Any, ax: Any) -> str:
    """E.g. “train”: 2.3 at 1, 0.11 at 10, lowest 0.1 at 9."""
    points = [(x, y) for x, y in zip(*line.get_data(orig=False)) if x == x and y == y]  # nan differs from itself
    if not points:
        return ""
    if line.get_linestyle() == "None":
        return f"{len(points)} points {named(line, '')}".rstrip()
    first, last = points[0], points[-1]
    lowest, highest = min(points, key=lambda point: point[1]), max(points, key=lambda point: point[1])
    shown = [("", first), ("", last)]
    shown += [(f"{word} ", point) for word, point in (("lowest", lowest), ("highest", highest))
              if point[1] not in (first[1], last[1])]  # fmt: skip
    return f"{named(line, 'a line')}: " + ", ".join(
        f"{word}{number(y)} at {place(x, ax.xaxis)}" for word, (x, y) in shown
    )


def bars_text(bars: Any, ax: Any) -> str:
    """E.g. `bars: ants 0.9, bees 0.8`, or the highest of many."""
    horizontal = bars.orientation == "horizontal"
    sizes = [bar.get_width() if horizontal else bar.get_height() for bar in bars]
    if not sizes:
        return ""
    centres = [bar.get_y() + bar.get_height() / 2 if horizontal else bar.get_x() + bar.get_width() / 2 for bar in bars]
    scale = ax.yaxis if horizontal else ax.xaxis
    names = {round(place, 6): text.get_text() for place, text in zip(scale.get_ticklocs(), scale.get_ticklabels())}
    words = [names.get(round(centre, 6)) or number(centre) for centre in centres]
    start = f"{named(bars, '')} bars: ".lstrip()
    largest = max(map(abs, sizes))
    if len(sizes) <= MOST:  # what cannot be seen is 0
        seen = [size if abs(size) > largest / 500 else 0 for size in sizes]
        return start + ", ".join(f"{word} {number(size)}" for word, size in zip(words, seen))
    best = max(range(len(sizes)), key=sizes.__getitem__)
    return f"{start}{len(sizes)}, the largest {number(sizes[best])} at {words[best]}"


def panel_text(ax: Any) -> str:
    """What one axes of a figure shows."""
    from matplotlib.container import BarContainer

    lines = [line for line in ax.lines if len(line.get_xdata()) > 1 and line.get_transform() == ax.transData]
    parts = [line_text(line, ax) for line in lines[:MOST]]
    parts += [bars_text(bars, ax) for bars in ax.containers if isinstance(bars, BarContainer)][:MOST]
    for cloud in ax.collections:
        if hasattr(cloud, "get_offsets") and type(cloud).__name__ == "PathCollection" and len(cloud.get_offsets()):
            parts.append(f"{len(cloud.get_offsets())} points {named(cloud, '')}".rstrip())
    if len(lines) > MOST:
        parts.append(f"{len(lines) - MOST} more lines")
    parts = [part for part in parts if part]
    if ax.axison and parts:
        parts.insert(0, f"{scale_text('x', ax.xaxis, ax.get_xlim())}, {scale_text('y', ax.yaxis, ax.get_ylim())}")
    elif ax.images and not parts:
        rows, columns = ax.images[0].get_array().shape[:2]
        parts.append(f"picture of {columns} by {rows} pixels")
    return "; ".join(parts)


def title_of(ax: Any) -> str:
    return " ".join(" ".join(ax.get_title(where) for where in ("left", "center", "right")).split())


def describe(figure: Any) -> str:
    """The text of a figure: its title, then each panel; many pictures are counted, with their titles."""
    heading = " ".join((figure.get_suptitle() or "").split())
    panels, pictures, sizes = [], [], []
    for ax in figure.axes:
        text = panel_text(ax) if ax.get_visible() else ""
        if text.startswith("picture of"):
            pictures.append(title_of(ax))
            sizes.append(text)
        elif text:
            panels.append(f"{title_of(ax)}: {text}".removeprefix(": "))
    if pictures:
        titles = [title for title in pictures if title]
        shown = ": " + ", ".join(titles[:MOST]) + ", …" * (len(titles) > MOST) if titles else ""
        alike = sizes[0].removeprefix("picture ") if len(set(sizes)) == 1 else ""
        counted = f"{len(pictures)} pictures" if len(pictures) > 1 else "Picture"
        panels.insert(0, f"{counted} {alike}".strip() + shown)
    text = ". ".join(filter(None, [heading, *panels]))
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rsplit(" ", 1)[0] + " …"


def install() -> None:
    """Let the kernel store the text of a figure beside each PNG of one."""
    from IPython.core import pylabtools

    tools: Any = pylabtools
    draw = tools.print_figure

    def print_figure(fig: Any, fmt: str = "png", **settings: Any) -> Any:
        drawn = draw(fig, fmt, **settings)
        return (drawn, {"alt": describe(fig)}) if fmt == "png" and settings.get("base64") else drawn

    tools.print_figure = print_figure
