"""Make the pictures of the pages, from what the course has shown: run it when those figures have changed.

    python -m course_utils.train --data data/hymenoptera --model pretrained_resnet18 --size 64 --output runs/a
    python tools/picture_strip.py runs/a

notebooks/figures/course.webp, on top of README.md, shows figures as they are stored in the notebooks, and the page of
lesson 13, which answers with the run given; it needs Chromium. notebooks/figures/serving_page.webp is that page alone,
and notebooks/figures/sample_data.webp, in data/README.md, shows sample pictures.
"""

import argparse
import base64
import io
import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib
import nbformat
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import FilePayload, sync_playwright

from course_utils.data.images import load_rgb

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "notebooks" / "figures"
QUESTION = ROOT / "data" / "hymenoptera" / "test" / "bees" / "bees_004.jpg"
SHOWN = 190  # pixels of the page it is shown at
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
PAPER, CARD, INK, ACCENT = "#e9edf2", "#ffffff", "#1c2733", "#0072b2"
GAP, PAD, CAPTION = 24, 20, 58
PAGE = 400  # width of the browser's window
FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans-Bold.ttf"


def figure(lesson: str, cell: str, box: tuple[float, float, float, float] = (0, 0, 1, 1)) -> Image.Image:
    """The last picture stored below the first cell of a lesson whose code contains `cell`.

    Args:
        lesson: its number.
        box: the part that is wanted: left, upper, right, lower edge, as shares of width and height.
    """
    (notebook,) = (ROOT / "notebooks").glob(f"{lesson}_*.ipynb")
    for one in nbformat.read(notebook, 4).cells:
        data = [output.get("data", {}).get("image/png") for output in one.get("outputs", [])]
        if cell in one.source and any(data):
            picture = load_rgb(io.BytesIO(base64.b64decode(list(filter(None, data))[-1])))
            (left, upper, right, lower), (width, height) = box, picture.size
            return picture.crop((left * width, upper * height, right * width, lower * height))
    raise SystemExit(f"{notebook.name} has no figure below a cell with {cell!r}: choose another one here")


def page_of_lesson_13(run: Path, width: int, height: int) -> Image.Image:
    """The serving program's page, `width` by `height` pixels of the page, after it was asked about a picture."""
    question = io.BytesIO()
    load_rgb(QUESTION).resize((SHOWN, SHOWN), Image.Resampling.LANCZOS).save(question, "png")
    command = [sys.executable, "-m", "course_utils.serving", str(run), "--port", "0"]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None  # a pipe, see above
    try:
        line = server.stdout.readline()
        if not line:
            raise SystemExit("the serving program did not start; see above")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": width, "height": height}, device_scale_factor=2)
            page.goto(line.split()[-1])
            name = QUESTION.with_suffix(".png").name
            upload = FilePayload(name=name, mimeType="image/png", buffer=question.getvalue())
            page.locator("#file").set_input_files(upload)
            page.locator("#answer li").first.wait_for()
            page.wait_for_timeout(500)
            shot = load_rgb(io.BytesIO(page.screenshot()))
            browser.close()
    finally:
        server.kill()
        server.wait()
    return shot


def paste_card(sheet: Image.Image, picture: Image.Image, caption: str, left: int, top: int, width: int) -> int:
    """Put a picture with its caption on a white card `width` pixels wide; returns the card's lower edge."""
    draw = ImageDraw.Draw(sheet)
    inner = width - 2 * PAD
    picture = picture.resize((inner, round(picture.height * inner / picture.width)), Image.Resampling.LANCZOS)
    bottom = top + CAPTION + picture.height + PAD
    draw.rounded_rectangle((left, top, left + width, bottom), 18, CARD)
    number, _, text = caption.partition(" ")
    font = ImageFont.truetype(FONT, 27)
    draw.text((left + PAD, top + CAPTION / 2), number, ACCENT, font, anchor="lm")
    draw.text((left + PAD + 50, top + CAPTION / 2), text, INK, font, anchor="lm")
    sheet.paste(picture, (left + PAD, top + CAPTION))
    return bottom


def strip(run: Path) -> Image.Image:
    """Three pictures, 1800 pixels wide: the page shows it at half the size."""
    sheet = Image.new("RGB", (1800, 2000), PAPER)
    wide, narrow = 1096, 632
    edge = GAP
    for caption, picture in {
        "06 It tells ants from bees it has never seen": figure("06", "show_predictions", (0, 0.1, 0.625, 1)),
        "04 What a network makes of a handwritten four": figure("04", "feature_maps", (0, 0.08, 1, 1)),
    }.items():
        edge = paste_card(sheet, picture, caption, GAP, edge, wide) + GAP
    # as tall as the two cards beside it
    ratio = (edge - 2 * GAP - CAPTION - PAD) / (narrow - 2 * PAD)
    page = page_of_lesson_13(run, PAGE, round(PAGE * ratio))
    paste_card(sheet, page, "13 Your network as a web page", GAP + wide + GAP, GAP, narrow)
    return sheet.crop((0, 0, sheet.width, edge))


def contact_sheet() -> Image.Image:
    """Three rows of sample pictures: ants and bees, one flower of each class, and the digits 0 to 9."""
    flowers = ROOT / "data" / "flowers"
    first = {label: name for name, label in reversed([line.split() for line in open(flowers / "val.txt")])}
    insects = [f"{name}/{name}_{index:03}.jpg" for index in range(5) for name in ("ants", "bees")]
    with np.load(ROOT / "data" / "digits" / "digits.npz") as digits:
        images, labels = digits["val_images"], digits["val_labels"]
    rows = [
        [load_rgb(ROOT / "data" / "hymenoptera" / "val" / path) for path in insects],
        [load_rgb(flowers / "images" / first[label]) for label in sorted(first, key=int)],
        [Image.fromarray(images[labels == digit][0]) for digit in range(10)],
    ]
    step = 96 + 8
    sheet = Image.new("RGB", (10 * step + 8, len(rows) * step + 8), CARD)
    for row, pictures in enumerate(rows):
        for column, picture in enumerate(pictures):
            sheet.paste(picture.resize((96, 96)), (column * step + 8, row * step + 8))
    return sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a run folder of course_utils.train, of ants and bees")
    run = parser.parse_args().run
    page = page_of_lesson_13(run, 640, 660)
    pictures = {"course": strip(run), "serving_page": page, "sample_data": contact_sheet()}
    FIGURES.mkdir(exist_ok=True)
    for name, picture in pictures.items():
        picture.save(FIGURES / f"{name}.webp", quality=86, method=6)
        kilobytes = (FIGURES / f"{name}.webp").stat().st_size / 1000
        print(f"made {name}.webp: {picture.width} × {picture.height}, {kilobytes:.0f} kB")


if __name__ == "__main__":
    main()
