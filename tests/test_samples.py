"""Checks of the sample data: it can be made again byte for byte, and no colour gives its classes away.

`pytest -s tests/test_samples.py` also prints what the simple classifiers reach.
"""

import csv
import random
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import make_samples as maker
import numpy as np
import pytest
from drawn import DATA, REMAKE, Features, colour_histogram, fit_simple_classifier, mean_and_spread, small_pixels
from PIL import Image

BORDER = 8  # width of the outer frame that counts as border, px
LIMIT = 0.65  # colours or border pixels alone must stay below this accuracy


@pytest.fixture(scope="module")
def pictures() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """For each split its pictures (count, 96, 96, 3) and their labels (0 ant, 1 bee)."""
    return {split: read_split(split) for split in ("train", "val", "test")}


@pytest.fixture(scope="module")
def temperatures() -> list[dict[str, str]]:
    """The rows of seattle_temps.csv."""
    with open(DATA / "seattle_temps.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_split(split: str) -> tuple[np.ndarray, np.ndarray]:
    images, labels = [], []
    for label, name in enumerate(("ants", "bees")):
        for path in sorted((DATA / "hymenoptera" / split / name).glob("*.jpg")):
            images.append(np.asarray(Image.open(path)))
            labels.append(label)
    return np.stack(images), np.array(labels)


def test_picture_files_are_exactly_those_that_are_made() -> None:
    found = {path.relative_to(DATA).as_posix() for path in (DATA / "hymenoptera").rglob("*") if path.is_file()}
    expected = set(maker.picture_paths())
    assert found == expected, f"missing or foreign files {sorted(found ^ expected)[:5]}: {REMAKE}"


def test_pictures_are_drawn_again_byte_for_byte() -> None:
    changed = [path for path in maker.picture_paths()[::13] if maker.picture_bytes(path) != (DATA / path).read_bytes()]
    assert not changed, f"{len(changed)} pictures differ from the committed ones, such as {changed[:3]}: {REMAKE}"


def test_temperatures_are_made_again_byte_for_byte(tmp_path: Path) -> None:
    maker.make_temperatures(tmp_path)
    same = (tmp_path / "seattle_temps.csv").read_bytes() == (DATA / "seattle_temps.csv").read_bytes()
    assert same, f"seattle_temps.csv differs from the committed one: {REMAKE}"


def test_counts_and_sizes(pictures: dict) -> None:
    counts = {split: tuple(np.bincount(labels)) for split, (_, labels) in pictures.items()}
    assert counts == {"train": (123, 121), "val": (70, 83), "test": (75, 75)}, f"(ants, bees) {counts}: {REMAKE}"
    assert all(images.shape[1:] == (96, 96, 3) for images, _ in pictures.values()), f"not 96 x 96 px in RGB: {REMAKE}"
    size = sum(path.stat().st_size for path in (DATA / "hymenoptera").rglob("*.jpg"))
    assert size < 3_000_000, f"the pictures take {size} bytes: lower the JPEG quality in tools/drawing/scenery.py"


def border_pixels(images: np.ndarray) -> np.ndarray:
    frame = np.ones(images.shape[1:3], dtype=bool)
    frame[BORDER:-BORDER, BORDER:-BORDER] = False
    return images[:, frame].reshape(len(images), -1) / 255


@pytest.mark.parametrize("features", [mean_and_spread, colour_histogram, border_pixels, small_pixels])
def test_classes_cannot_be_told_by(features: Features, pictures: dict) -> None:
    model = fit_simple_classifier(features, *pictures["train"])
    right = {split: model.predict(features(pictures[split][0])) == pictures[split][1] for split in ("val", "test")}
    both = np.concatenate(list(right.values())).mean()
    result = f"{features.__name__}: val {right['val'].mean():.1%}, val and test {both:.1%}"
    print(result)
    assert max(right["val"].mean(), both) < LIMIT, (
        f"{result}, limit {LIMIT:.0%}: ants and bees must differ in anatomy only, so let tools/drawing/insects.py take "
        f"both their colours and sizes from the same ranges; then {REMAKE}"
    )


def day_of(row: dict[str, str]) -> date:
    return date(int(row["year"]), int(row["month"]), int(row["day"]))


def test_temperatures_have_their_columns_and_every_day(temperatures: list[dict[str, str]]) -> None:
    columns = ["year", "month", "day", "week", "temp_2", "temp_1", "average", "actual", "friend"]
    assert list(temperatures[0]) == columns, f"the lessons read other columns: {REMAKE}"
    days = [day_of(row) for row in temperatures]
    assert (days[0], days[-1], len(days)) == (date(2012, 1, 3), date(2015, 12, 31), 1459), f"days are missing: {REMAKE}"
    assert all(after - before == timedelta(1) for before, after in zip(days, days[1:])), f"not day after day: {REMAKE}"
    weeks = [("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[day.weekday()] for day in days]
    assert [row["week"] for row in temperatures] == weeks, f"wrong days of the week: {REMAKE}"


def test_temp_1_and_temp_2_are_the_days_before(temperatures: list[dict[str, str]]) -> None:
    actual = [row["actual"] for row in temperatures]
    assert [row["temp_1"] for row in temperatures[1:]] == actual[:-1], f"temp_1 is not yesterday's maximum: {REMAKE}"
    assert [row["temp_2"] for row in temperatures[2:]] == actual[:-2], f"temp_2 is not the day before's: {REMAKE}"


def test_average_knows_the_training_years_only(temperatures: list[dict[str, str]]) -> None:
    maxima = {day_of(row): int(row["actual"]) for row in temperatures if row["year"] in ("2012", "2013")}
    for row in random.Random(0).sample(temperatures, 200) + temperatures[:60] + temperatures[-20:]:
        middle = day_of(row).replace(year=2000)
        window = {middle + timedelta(shift) for shift in range(-15, 16)}
        places = {(day.month, day.day) for day in window}
        near = [maximum for day, maximum in maxima.items() if (day.month, day.day) in places]
        assert abs(float(row["average"]) - np.mean(near)) <= 0.0501, f"the average of {day_of(row)} is wrong: {REMAKE}"


def test_friend_guesses_around_the_average(temperatures: list[dict[str, str]]) -> None:
    misses = [int(row["friend"]) - float(row["average"]) for row in temperatures]
    assert max(map(abs, misses)) <= 20.55, f"the friend is more than 20 degrees off the average: {REMAKE}"
    surprises = [int(row["actual"]) - float(row["average"]) for row in temperatures]
    link = np.corrcoef(misses, surprises)[0, 1]
    assert abs(link) < 0.08, f"the friend knows the day (correlation {link:.2f}): draw other noise in make_samples.py"


def test_files_are_written_whole_or_not_at_all(tmp_path: Path, monkeypatch) -> None:
    def broken(folder: Path) -> None:
        (folder / "table.csv").write_text("half")
        raise RuntimeError

    (tmp_path / "table.csv").write_text("whole")
    monkeypatch.setattr(maker, "MAKERS", {"table.csv": broken})
    with pytest.raises(RuntimeError):
        maker.make_samples(tmp_path)
    left = Counter(path.name for path in tmp_path.iterdir())
    whole = (tmp_path / "table.csv").read_text() == "whole"
    assert whole and left == {"table.csv": 1}, f"a failed run left {dict(left)}: make into a workshop, then replace"
