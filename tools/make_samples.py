"""Makes the course's sample data: the pictures of ants and bees and of flowers with their masks, and the temperatures.

    python tools/make_samples.py [--output FOLDER]

Every picture is drawn from its own seed, so the files come out the same, byte for byte, whenever they are made.
"""

import argparse
import csv
import json
import os
import random
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from drawing import flowers
from drawing.insects import ant, bee
from drawing.pen import Pen
from drawing.scenery import UPRIGHT, jpeg, picture_and_mask
from PIL import Image

DATA = Path(__file__).resolve().parents[1] / "data"
SEED = 1
THINGS: dict[str, Callable[[Pen], None]] = {"ants": ant, "bees": bee}
COUNTS = {
    "train": {"ants": 123, "bees": 121},
    "val": {"ants": 70, "bees": 83},
    "test": {"ants": 75, "bees": 75},
}


@dataclass(frozen=True)
class Flower:
    """A class of the flower data set: its name, what draws it, and how many pictures train, val and test hold."""

    name: str
    draw: Callable[[Pen], None]
    counts: tuple[int, int, int]


FLOWERS: dict[str, Flower] = {  # the ids, which are texts, have gaps as in the well-known data set of 102 flowers
    "1": Flower("english daisy", flowers.daisy, (88, 30, 30)),
    "2": Flower("corn poppy", flowers.poppy, (35, 12, 12)),
    "5": Flower("garden tulip", flowers.tulip, (21, 8, 8)),
    "6": Flower("tiger lily", flowers.lily, (41, 14, 14)),
    "8": Flower("wild pansy", flowers.pansy, (30, 11, 11)),
    "10": Flower("english bluebell", flowers.bluebell, (24, 8, 8)),
    "21": Flower("rose", flowers.rose, (76, 26, 26)),
    "54": Flower("sunflower", flowers.sunflower, (52, 18, 18)),
    "67": Flower("spring crocus", flowers.crocus, (90, 31, 31)),
    "102": Flower("dandelion clock", flowers.dandelion, (63, 22, 22)),
}
FLOWER_LABELS = {flower_id: label for label, flower_id in enumerate(sorted(FLOWERS))}  # sorted as text: 1, 10, 102, 2

TRAINING_YEARS = (2012, 2013)
AVERAGED_DAYS = 15  # an average covers this many days before and after the calendar day
FRIEND_SPREAD = 20  # the friend's guess is at most this far from the average, °F
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
COLUMNS = ("year", "month", "day", "week", "temp_2", "temp_1", "average", "actual", "friend")


def picture_paths() -> list[str]:
    """The pictures that are made, relative to the data folder."""
    return [
        f"hymenoptera/{split}/{name}/{name}_{index:03}.jpg"
        for split, counts in COUNTS.items()
        for name, count in counts.items()
        for index in range(count)
    ]


def insect(path: str) -> tuple[Image.Image, Image.Image]:
    """The picture that belongs at one of the `picture_paths`, and its mask, see `picture_and_mask`."""
    _, split, name, file_name = path.split("/")
    index = int(Path(file_name).stem.removeprefix(f"{name}_"))
    return picture_and_mask(THINGS[name], random.Random(f"{SEED}/{name}/{split}/{index}"))


def picture_bytes(path: str) -> bytes:
    """The JPEG file that belongs at one of the `picture_paths`."""
    return jpeg(insect(path)[0])


def make_pictures(folder: Path) -> None:
    """Draw all pictures of ants and bees into `folder`/hymenoptera."""
    for path in picture_paths():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(picture_bytes(path))


def flower_files() -> dict[str, tuple[str, str, int]]:
    """The flower picture files, each with its split, its class id and its number there; classes and splits mixed."""
    pictures = [
        (split, flower_id, index)
        for flower_id, flower in FLOWERS.items()
        for split, count in zip(COUNTS, flower.counts)
        for index in range(count)
    ]
    random.Random(f"{SEED}/flowers").shuffle(pictures)
    return {f"image_{number:05}.jpg": place for number, place in enumerate(pictures, 1)}


def flower(split: str, flower_id: str, index: int) -> tuple[Image.Image, Image.Image]:
    """The picture of one of the `flower_files`, and its mask."""
    kind = FLOWERS[flower_id]
    return picture_and_mask(kind.draw, random.Random(f"{SEED}/{kind.name}/{split}/{index}"), UPRIGHT)


def flower_bytes(split: str, flower_id: str, index: int) -> bytes:
    """The JPEG file of one of the `flower_files`."""
    return jpeg(flower(split, flower_id, index)[0])


def flower_texts() -> dict[str, str]:
    """The text files beside the flower pictures: which are in each split, and what the labels and ids stand for."""
    texts = dict.fromkeys((f"{split}.txt" for split in COUNTS), "")
    for file_name, (split, flower_id, _) in flower_files().items():
        texts[f"{split}.txt"] += f"{file_name} {FLOWER_LABELS[flower_id]}\n"
    texts["classes.txt"] = "".join(f"{flower_id}\n" for flower_id in FLOWER_LABELS)
    names = {flower_id: flower.name for flower_id, flower in FLOWERS.items()}
    texts["cat_to_name.json"] = json.dumps(names, indent=2) + "\n"
    return texts


def make_flowers(folder: Path) -> None:
    """Draw all flowers into `folder`/flowers/images and write the text files beside them."""
    images = folder / "flowers" / "images"
    images.mkdir(parents=True)
    for file_name, place in flower_files().items():
        (images / file_name).write_bytes(flower_bytes(*place))
    for file_name, text in flower_texts().items():
        (images.parent / file_name).write_text(text, encoding="utf-8", newline="\n")


def make_masks(folder: Path) -> None:
    """Write `folder`/masks.npz: the `names` of all drawn pictures, in order, and their `masks`, see `mask_bytes`."""
    drawn = {path: insect(path) for path in picture_paths()}
    drawn |= {f"flowers/images/{file_name}": flower(*place) for file_name, place in flower_files().items()}
    names = sorted(drawn)
    rows = [mask_bytes(drawn[name][1]) for name in names]
    np.savez_compressed(folder / "masks.npz", names=np.array(names), masks=np.stack(rows))


def mask_bytes(mask: Image.Image) -> np.ndarray:
    """The pixels of a mask, row by row, eight in a byte."""
    return np.packbits(np.asarray(mask))


def read_maxima() -> list[tuple[date, int]]:
    """Every day with its highest temperature in Seattle (°F), in order, from the weather table of vega_datasets."""
    from vega_datasets import data

    table = data.seattle_weather()
    days = [moment.date() for moment in table["date"]]
    if any((after - before).days != 1 for before, after in zip(days, days[1:])):
        raise ValueError("The weather table of vega_datasets leaves out days; 'the day before' would be wrong.")
    return [(day, round(celsius * 9 / 5 + 32)) for day, celsius in zip(days, table["temp_max"])]


def day_of_leap_year(day: date) -> int:
    """The place of a calendar day in a year of 366 days, so that the first of March is the same place every year."""
    return date(2000, day.month, day.day).timetuple().tm_yday


def seasonal_average(day: date, maxima: list[tuple[date, int]]) -> float:
    """The mean maximum (°F) of the training years' days within 15 days of this calendar day, round the year's end."""
    near = []
    for other, maximum in maxima:
        distance = abs(day_of_leap_year(other) - day_of_leap_year(day))
        if other.year in TRAINING_YEARS and min(distance, 366 - distance) <= AVERAGED_DAYS:
            near.append(maximum)
    return sum(near) / len(near)


def temperature_rows(maxima: list[tuple[date, int]]) -> list[tuple]:
    """The rows of the temperature table: one for each day that has two days before it."""
    rng = random.Random(f"{SEED}/friend")
    rows = []
    for (_, before_last), (_, last), (day, actual) in zip(maxima, maxima[1:], maxima[2:]):
        average = seasonal_average(day, maxima[2:])
        friend = round(average + rng.uniform(-FRIEND_SPREAD, FRIEND_SPREAD))
        week = WEEKDAYS[day.weekday()]
        rows.append((day.year, day.month, day.day, week, before_last, last, f"{average:.1f}", actual, friend))
    return rows


def make_temperatures(folder: Path) -> None:
    """Write `folder`/seattle_temps.csv."""
    with open(folder / "seattle_temps.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(temperature_rows(read_maxima()))


MAKERS: dict[str, Callable[[Path], None]] = {
    "hymenoptera": make_pictures,
    "flowers": make_flowers,
    "masks.npz": make_masks,
    "seattle_temps.csv": make_temperatures,
}


def replace(new: Path, target: Path) -> None:
    """Put a finished file or folder in the place of an older one."""
    if target.is_dir():
        target.rename(new.with_name("replaced"))
    os.replace(new, target)


def make_samples(output: Path) -> None:
    """Make everything into `output`; what is there stays untouched until its successor is complete."""
    output.mkdir(parents=True, exist_ok=True)
    for name, make in MAKERS.items():
        workshop = Path(tempfile.mkdtemp(prefix=".making-", dir=output))
        try:
            make(workshop)
            replace(workshop / name, output / name)
        finally:
            shutil.rmtree(workshop)
        print(f"made {name}: {describe(output / name)}")


def describe(path: Path) -> str:
    """The number and size of the files at a path."""
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    noun = "file" if len(files) == 1 else "files"
    return f"{len(files)} {noun}, {sum(file.stat().st_size for file in files) / 1e6:.2f} MB"


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the course's sample data.")
    parser.add_argument("--output", type=Path, default=DATA, help="default: the data folder")
    make_samples(parser.parse_args().output)


if __name__ == "__main__":
    main()
