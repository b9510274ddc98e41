"""Small tables for the command line, and the options that go with them."""

import datetime
from collections.abc import Iterable
from pathlib import Path

import numpy as np

QUICK = ("--quiet", "--epochs", "2", "--hidden-size", "4")
CLASSIFY = ("--id", "stay", "--time", "hour", "--target", "died", "--task", "classify")
FORECAST = ("--time", "date", "--target", "co2", "--task", "forecast", "--horizon", "4")


def stays(count: int = 12, rows: int = 4, seed: int = 0) -> str:
    """CSV of many series: ids, hours, two channels with empty cells, one of them about 0 or 3, and a label."""
    rng = np.random.default_rng(seed)
    lines = ["stay,hour,pulse,ph,died"]
    for stay in range(count):
        for hour in rng.permutation(rows):
            pulse = f"{3 * (stay % 2) + rng.normal(0, 0.3):.3f}" if rng.random() < 0.8 else ""
            lines.append(f"{stay},{hour},{pulse},{rng.normal(7.4, 0.1):.2f},{('no', 'yes')[stay % 2]}")
    return "\n".join(lines) + "\n"


def co2(weeks: int = 80, seed: int = 0) -> str:
    """CSV of one series: dates a week apart, some weeks absent and some empty."""
    rng = np.random.default_rng(seed)
    lines = ["date,co2"]
    for week in range(weeks):
        date = datetime.date(1958, 3, 29) + datetime.timedelta(weeks=week)
        if week % 11 != 5:
            lines.append(f"{date},{'' if week % 7 == 3 else f'{315 + week / 20 + rng.normal():.2f}'}")
    return "\n".join(lines) + "\n"


def write(path: str | Path, text: str) -> None:
    """Make a file of a text."""
    Path(path).write_text(text, encoding="utf-8")


def csv(header: str, rows: Iterable[Iterable[object]], separator: str = ",") -> str:
    """Text of a table; None is an empty cell."""
    lines = [separator.join("" if cell is None else str(cell) for cell in row) for row in rows]
    return "\n".join([header.replace(",", separator), *lines]) + "\n"
