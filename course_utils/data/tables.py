"""Tables the course reads, checked line by line. Lesson 02 uses them."""

import csv
import io
import math
from pathlib import Path

import pandas as pd

from ..basics import course
from .lists import read_utf8

TEMPERATURE_COLUMNS = ["year", "month", "day", "week", "temp_2", "temp_1", "average", "actual", "friend"]
DATE = ["year", "month", "day"]
NUMBERS = [name for name in TEMPERATURE_COLUMNS if name != "week"]
QUOTES = 'A text that holds commas, quotes or line breaks stands between double quotes ("), its own ones doubled.'
WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def load_temperatures(path: str | Path | None = None) -> pd.DataFrame:
    """Daily maximum temperatures in °F, one row per day, indexed by `date`.

    Columns: year, month, day, week (Mon … Sun), temp_2 and temp_1 (the maxima two days and one day before), average
    (long-term mean for that calendar day), actual (the day's maximum: what is to be predicted), friend (a guess).
    Days may be missing, values may be odd; both are for the reader to notice.

    Args:
        path: a CSV file with these columns; by default the course's Seattle table, 2012 to 2015.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: columns are missing, or lines have too many fields or hold something that is no number, no date
            or out of order. All problems are listed, each with its line.
    """
    path = Path(path) if path else course.REPOSITORY / "data" / "seattle_temps.csv"
    if not path.is_file():
        raise FileNotFoundError(f"There is no temperature table {path}.")
    (_, header), *rows = read_csv(path)
    missing = [name for name in TEMPERATURE_COLUMNS if header.count(name) != 1]
    if missing:
        raise ValueError(f"{path}: missing columns {missing}. Needed: {TEMPERATURE_COLUMNS}, found: {header}.")
    if not rows:
        raise ValueError(f"{path} has a header and no rows.")
    width = len(header)
    problems = [
        (line, f"{len(row)} fields under {width} names; is there a comma in a number? Write 45.6, not 45,6")
        for line, row in rows
        if any(row[width:])
    ]
    cut = [row[:width] + [""] * (width - len(row)) for _, row in rows]
    table = pd.DataFrame(cut, index=[line for line, _ in rows], columns=header, dtype=str)[TEMPERATURE_COLUMNS]
    week = table["week"].str[:3]  # the table of 2016 that many tutorials use says Tues and Thurs
    numbers = table[NUMBERS].apply(pd.to_numeric, errors="coerce").replace([math.inf, -math.inf], math.nan)
    dates = pd.to_datetime(numbers[DATE].where(numbers[DATE] % 1 == 0), errors="coerce")
    problems += [
        (row, f"{name} is {table.at[row, name]!r}, not a number")
        for name in NUMBERS
        for row in table.index[numbers[name].isna()]
    ]
    bad_dates = table.index[dates.isna() & numbers[DATE].notna().all(axis=1)]
    problems += [(row, f"{'-'.join(table.loc[row, DATE])} is not a date") for row in bad_dates]
    known = dates.dropna()
    unsorted = known.index[known.diff() <= pd.Timedelta(0)]
    problems += [(row, "not after the date before: sort the table by date, each date once") for row in unsorted]
    odd_names = table.index[~week.isin(WEEKDAYS)]
    problems += [(row, f"week is {table.at[row, 'week']!r}, not one of {', '.join(WEEKDAYS)}") for row in odd_names]
    if problems:
        listing = "\n".join(f"  line {line}: {text}" for line, text in sorted(problems)[:20])
        more = f"\n  … and {len(problems) - 20} more" if len(problems) > 20 else ""
        raise ValueError(f"{path} has {len(problems)} problem(s):\n{listing}{more}")
    whole = numbers.astype(dict.fromkeys(DATE, int)).assign(week=week)
    return whole[TEMPERATURE_COLUMNS].set_index(dates.rename("date"))


def read_csv(path: Path) -> list[tuple[int, list[str]]]:
    """The rows of a CSV file in UTF-8, each with the number of the line it begins in; its fields without spaces around.

    Rows of blank fields are left out. A field that holds commas, quotes or line breaks stands between double quotes.

    Raises:
        ValueError: the file is not UTF-8 or empty, or a quotation mark stands alone; the message names the line.
    """
    rows, line, limit = [], 1, csv.field_size_limit(2**31 - 1)
    reader = csv.reader(io.StringIO(read_utf8(path, newline=""), newline=""), skipinitialspace=True, strict=True)
    try:
        for row in reader:
            fields = [field.strip() for field in row]
            if any(fields):
                rows.append((line, fields))
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(
            f"{path} cannot be read as a CSV table: the quotation marks in line {line} do not fit ({error}). {QUOTES}"
        ) from error
    finally:
        csv.field_size_limit(limit)
    if not rows:
        raise ValueError(f"{path} cannot be read as a CSV table: it is empty.")
    return rows
