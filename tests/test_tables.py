"""Tables: what loads, that every problem of a bad one is listed with its line, and lesson 02 with one's own."""

from collections.abc import Callable
from pathlib import Path

import build
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from course_utils import load_temperatures

LESSON = Path(__file__).resolve().parents[1] / "lessons" / "02_tensors_and_regression.py"
HEADER = "year,month,day,week,temp_2,temp_1,average,actual,friend"
LINES = [
    HEADER,  # line 1
    "2016,1,1,Fri,45,45,45.6,45,29",
    "2016,1,2,Sat,44,45,45.7,44,61",
    "2016,1,3,Sun,45,44,45.8,41,56",
    "2016,1,4,Mon,44,41,45.9,40,53",
    "2016,1,5,Tue,41,40,46.0,44,41",
]


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., pd.DataFrame]:
    """Write lines to a file and load it; `changes` replaces lines by their number."""

    def load(lines: list[str] = LINES, changes: dict[int, str] | None = None, encoding="utf-8", end="\n"):
        lines = [(changes or {}).get(number, line) for number, line in enumerate(lines, start=1)]
        (tmp_path / "temps.csv").write_bytes(end.join([*lines, ""]).encode(encoding))
        return load_temperatures(tmp_path / "temps.csv")

    return load


def problems(load: Callable, *args: object, **kwargs: object) -> list[str]:
    """The lines of the error, without its first."""
    with pytest.raises(ValueError, match="temps.csv has [0-9]+ problem") as caught:
        load(*args, **kwargs)
    first, *rest = str(caught.value).splitlines()
    assert f"has {len(rest)} problem" in first or len(rest) > 20
    return [line.strip() for line in rest]


def test_the_table_of_the_course_loads() -> None:
    table = load_temperatures()
    assert ",".join(table) == HEADER
    assert len(table) == 1459 and table.index.name == "date" and table.index.is_monotonic_increasing
    assert (table.index.strftime("%a") == table["week"]).all()
    assert table.drop(columns="week").dtypes.map(pd.api.types.is_numeric_dtype).all()


def test_values_arrive_unchanged_under_their_date(load: Callable) -> None:
    table = load()
    assert table.index.tolist() == pd.date_range("2016-01-01", "2016-01-05").tolist()
    assert table.loc["2016-01-02"].tolist() == [2016, 1, 2, "Sat", 44, 45, 45.7, 44, 61]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"], ids=["without BOM", "BOM"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_byte_order_mark_and_windows_line_ends_load(encoding: str, end: str, load: Callable) -> None:
    table = load(encoding=encoding, end=end)
    assert list(table)[0] == "year" and table["friend"].tolist() == [29, 61, 56, 53, 41]


def test_other_columns_are_dropped_and_order_does_not_matter(load: Callable) -> None:
    shuffled = [",".join(reversed(line.split(","))) + ",9" for line in LINES]
    shuffled[0] = shuffled[0].replace(",9", ",forecast_noaa")
    pd.testing.assert_frame_equal(load(shuffled), load())


def test_spaces_after_commas_and_blank_lines_load(load: Callable) -> None:
    expected = load()
    pd.testing.assert_frame_equal(load([line.replace(",", ", ") for line in LINES]), expected)
    pd.testing.assert_frame_equal(load([*LINES[:3], "", *LINES[3:], "", ",,,,,,,,"]), expected)


def test_a_comma_at_the_end_of_every_line_does_not_shift_the_columns(load: Callable) -> None:
    expected = load()
    for ending in (",", ", ,"):
        pd.testing.assert_frame_equal(load([HEADER, *[line + ending for line in LINES[1:]]]), expected)


@pytest.mark.parametrize("number", [2, 3, 6])
def test_a_line_with_a_field_too_many_is_listed_wherever_it_is(number: int, load: Callable) -> None:
    changes = {number: LINES[number - 1].replace(".", ",")}  # a decimal comma
    text = "10 fields under 9 names; is there a comma in a number? Write 45.6, not 45,6"
    assert problems(load, changes=changes)[0] == f"line {number}: {text}"


def test_decimal_commas_everywhere_are_refused(load: Callable) -> None:
    found = problems(load, [HEADER, *[line.replace(".", ",") for line in LINES[1:]]])
    assert len(found) == 5 and all("10 fields under 9 names" in line for line in found)


def test_the_table_of_2016_with_gaps_odd_weekday_names_and_a_temp_1_of_117_loads(load: Callable) -> None:
    days = pd.date_range("2016-01-01", "2016-12-31")
    days = days.delete(range(40, 58))  # 366 - 18 = 348
    names = ["Mon", "Tues", "Wed", "Thurs", "Fri", "Sat", "Sun"]  # as that table spells them
    lines = [f"{day.year},{day.month},{day.day},{names[day.weekday()]},60,61,59.5,62,50" for day in days]
    lines[200] = lines[200].replace(",61,", ",117,")
    table = load([HEADER, *lines])
    assert table.shape == (348, 9) and table.index.equals(days.rename("date"))
    assert table["temp_1"].max() == 117 and (table["week"] == table.index.strftime("%a")).all()


def test_missing_columns_are_all_named(load: Callable) -> None:
    with pytest.raises(ValueError, match=r"temps.csv: missing columns \['week', 'friend'\].*found: .*'weekday'"):
        load(changes={1: HEADER.replace("week", "weekday").replace("friend", "enemy")})


def test_text_in_number_columns_is_listed_with_its_lines(load: Callable) -> None:
    changes = {3: "2016,1,2,Sat,forty,45,45.7,,61", 5: "2016,1,4,Mon,44,41,NaN,40,53"}
    assert problems(load, changes=changes) == [
        "line 3: actual is '', not a number",
        "line 3: temp_2 is 'forty', not a number",
        "line 5: average is 'NaN', not a number",
    ]


def test_a_line_cut_short_is_listed(load: Callable) -> None:
    assert problems(load, changes={6: "2016,1,5,Tue,41,40,46.0,44"}) == ["line 6: friend is '', not a number"]


def test_unsorted_and_repeated_dates_are_listed(load: Callable) -> None:
    lines = [*LINES[:3], LINES[2], LINES[5], LINES[4]]
    text = "not after the date before: sort the table by date, each date once"
    assert problems(load, lines) == [f"line 4: {text}", f"line 6: {text}"]


def test_dates_that_do_not_exist_are_listed(load: Callable) -> None:
    # a day of 3.5 is one for pandas before version 3
    changes = {3: "2016,2,30,Sat,44,45,45.7,44,61", 4: "2016,1,3.5,Sun,45,44,45.8,41,56"}
    assert problems(load, changes=changes) == ["line 3: 2016-2-30 is not a date", "line 4: 2016-1-3.5 is not a date"]


def test_unknown_weekdays_are_listed(load: Callable) -> None:
    (problem,) = problems(load, changes={2: LINES[1].replace("Fri", "Freitag")})
    assert problem == "line 2: week is 'Freitag', not one of Mon, Tue, Wed, Thu, Fri, Sat, Sun"


def test_problems_of_every_kind_are_listed_together_in_the_order_of_lines(load: Callable) -> None:
    changes = {
        2: "2016,1,7,Thu,45,45,45.6,45,29",
        3: "2016,1,x,Sat,44,45,45.7,44,61",
        4: "2016,1,3,???,45,44,45.8,41,56",
        6: "2016,13,5,Tue,41,hot,46.0,44,41",
    }
    starts = [
        "line 3: day is 'x'",
        "line 4: not after the date before",  # line 3 has no date: compared with line 2
        "line 4: week is '???'",
        "line 6: 2016-13-5 is not a date",
        "line 6: temp_1 is 'hot'",
    ]
    found = problems(load, changes=changes)
    assert len(found) == len(starts) and all(line.startswith(start) for line, start in zip(found, starts))


def test_blank_lines_do_not_shift_the_line_numbers(load: Callable) -> None:
    lines = [*LINES[:2], "", "", LINES[2].replace("45.7", "x"), ""]
    assert problems(load, lines) == ["line 5: average is 'x', not a number"]


def test_of_many_problems_twenty_are_listed_and_the_rest_counted(load: Callable) -> None:
    days = pd.date_range("2016-01-01", periods=30)
    lines = [f"{day.year},{day.month},{day.day},{day:%a},60,61,x,62,50" for day in days]
    found = problems(load, [HEADER, *lines])
    assert len(found) == 21 and found[19].startswith("line 21:") and found[20] == "… and 10 more"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", " cannot be read as a CSV table: it is empty"),
        (b"\n , ,\n", " cannot be read as a CSV table: it is empty"),
        ("温度".encode("gbk"), ", line 1, is not UTF-8 text. Save the file as UTF-8"),
        ("\n".join(LINES).encode("utf-16"), ", line 1, is not UTF-8 text"),
        (
            "\n".join([*LINES[:3], '"' + LINES[3], *LINES[4:]]).encode(),
            " cannot .*: the quotation marks in line 4 do not fit",
        ),
    ],
    ids=["empty", "blank", "GBK", "UTF-16", "a quotation mark alone"],
)
def test_what_is_no_csv_table_is_named(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "temps.csv").write_bytes(content)
    with pytest.raises(ValueError, match=f"temps.csv{message}"):
        load_temperatures(tmp_path / "temps.csv")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="There is no temperature table .*nowhere.csv"):
        load_temperatures(tmp_path / "nowhere.csv")


def test_a_table_without_rows_and_infinite_values_are_refused(load: Callable) -> None:
    with pytest.raises(ValueError, match="has a header and no rows"):
        load([HEADER])
    assert problems(load, changes={2: "2016,1,1,Fri,45,45,45.6,inf,29"}) == ["line 2: actual is 'inf', not a number"]


def table_of_one_year(path: Path) -> None:
    """Write a table like the one of 2016 that many tutorials use: 348 of 366 days, a typing error, Tues and Thurs."""
    rng = np.random.default_rng(0)
    days = pd.date_range("2016-01-01", "2016-12-31")
    average = 60 - 16 * np.cos(2 * np.pi * days.day_of_year / 366)
    actual = (average + rng.normal(0, 5, len(days))).round().astype(int)
    week = days.strftime("%a").str.replace("Tue", "Tues").str.replace("Thu", "Thurs")
    columns = [days.year, days.month, days.day, week, np.roll(actual, 2), np.roll(actual, 1),
               average.round(1), actual, rng.integers(25, 95, len(days))]  # fmt: skip
    table = pd.DataFrame(dict(zip(HEADER.split(","), columns))).drop(index=range(200, 218))
    table.loc[300, "temp_1"] = 117
    table.to_csv(path, index=False)


def test_lesson_02_runs_with_a_table_of_the_readers_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lesson says: any file with these columns, change the one line with `load_temperatures()`."""
    matplotlib.use("Agg")
    monkeypatch.setattr(plt, "show", lambda: plt.close("all"))
    table_of_one_year(tmp_path / "temps_2016.csv")
    code = [cell.source for cell in build.read_source(LESSON).cells if cell.cell_type == "code"]
    load, own = "load_temperatures()", f"load_temperatures({str(tmp_path / 'temps_2016.csv')!r})"
    assert sum(cell.count(load) for cell in code) == 1, "the lesson has one line to change"
    lesson: dict = {"__name__": "__main__"}
    for cell in code:
        exec(compile(cell.replace(load, own), "<cell>", "exec"), lesson)
    assert [len(lesson[part]) for part in ("train", "val", "test")] == [174, 87, 87]
    assert lesson["test"].index[-1] == pd.Timestamp("2016-12-31") and lesson["test"]["temp_1"].max() == 117
    assert np.isfinite(lesson["results"].to_numpy()).all() and "network" in lesson["results"].index
