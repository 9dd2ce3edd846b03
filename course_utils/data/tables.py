"""Tables the course reads, checked line by line. Lesson 02 uses them."""

import math
from pathlib import Path

import pandas as pd

from ..basics import course

TEMPERATURE_COLUMNS = ["year", "month", "day", "week", "temp_2", "temp_1", "average", "actual", "friend"]
DATE = ["year", "month", "day"]
NUMBERS = [name for name in TEMPERATURE_COLUMNS if name != "week"]
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
        ValueError: columns are missing, or lines hold something that is no number, no date or out of order. All
            problems are listed, each with its line.
    """
    path = Path(path) if path else course.REPOSITORY / "data" / "seattle_temps.csv"
    if not path.is_file():
        raise FileNotFoundError(f"There is no temperature table {path}.")
    try:
        # blank lines are dropped below, so that the lines after them keep their numbers
        table = pd.read_csv(
            path,
            dtype=str,
            encoding="utf-8-sig",
            skipinitialspace=True,
            keep_default_na=False,
            skip_blank_lines=False,
            index_col=False,
        )
    except ValueError as error:
        raise ValueError(f"{path} cannot be read as a CSV table in UTF-8 ({str(error).strip()}).") from error
    missing = [name for name in TEMPERATURE_COLUMNS if name not in table]
    if missing:
        raise ValueError(f"{path}: missing columns {missing}. Needed: {TEMPERATURE_COLUMNS}, found: {list(table)}.")
    table = table[TEMPERATURE_COLUMNS].fillna("")
    table = table[(table != "").any(axis=1)]
    if table.empty:
        raise ValueError(f"{path} has a header and no rows.")
    week = table["week"].str[:3]  # the table of 2016 that many tutorials use says Tues and Thurs
    numbers = table[NUMBERS].apply(pd.to_numeric, errors="coerce").replace([math.inf, -math.inf], math.nan)
    dates = pd.to_datetime(numbers[DATE], errors="coerce")
    problems = [
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
        # line 1 is the header
        listing = "\n".join(f"  line {row + 2}: {text}" for row, text in sorted(problems)[:20])
        more = f"\n  … and {len(problems) - 20} more" if len(problems) > 20 else ""
        raise ValueError(f"{path} has {len(problems)} problem(s):\n{listing}{more}")
    whole = numbers.astype(dict.fromkeys(DATE, int)).assign(week=week)
    return whole[TEMPERATURE_COLUMNS].set_index(dates.rename("date"))
