"""Tables of forecasts: which channels are read, what is said of times, and words beside numbers."""

import json

import polars as pl
import pytest
from cli.conftest import Run
from cli.tables import QUICK, write

pytestmark = pytest.mark.usefixtures("folder")

FORECAST = ("--target", "y", "--task", "forecast", "--horizon", "3")


def hours(stamp: str, count: int = 60) -> str:
    """CSV of numbers by the hour, their times written as ``strftime`` has it."""
    times = pl.datetime_range(pl.datetime(2016, 7, 1), pl.datetime(2016, 7, 9), "1h", eager=True)[:count]
    lines = [f"{time},{k % 12},{k % 7},{('on', 'off')[k % 2]}" for k, time in enumerate(times.dt.strftime(stamp))]
    return "\n".join(["t,y,x,mode", *lines]) + "\n"


@pytest.mark.parametrize("given", [["y"], ["y", "x"], ["x"]])
def test_the_channels_that_are_asked_for_are_read(run: Run, given: list[str]) -> None:
    write("t.csv", hours("%Y-%m-%d %H:%M"))
    options = [part for name in given for part in ("--channels", name)]
    assert run("fit", "t.csv", "--time", "t", *FORECAST, *options, *QUICK, "--out", "m").code == 0
    shown = json.loads(run("show", "m", "--json").out)["recipe"]["schema"]["channels"]
    assert sorted(shown) == sorted({"y", *given})
    pl.read_csv("t.csv").select("t", *shown).write_csv("few.csv")
    assert run("predict", "m", "few.csv", "--out", "p.csv").code == 0


@pytest.mark.parametrize("stamp", ["%Y%m%d%H", "%Y%m%d%H%M", "%Y%m%d%H%M%S"])
def test_dates_may_be_whole_numbers_with_hours(run: Run, stamp: str) -> None:
    write("t.csv", hours(stamp))
    assert run("fit", "t.csv", "--time", "t", *FORECAST, *QUICK, "--out", "m").code == 0
    assert run("predict", "m", "t.csv", "--out", "p.csv").code == 0
    found = pl.read_csv("p.csv")["t"].to_list()
    assert found == [f"2016-07-03 {hour}:00:00" for hour in (12, 13, 14)]


def test_an_hour_that_is_none_is_refused(run: Run) -> None:
    write("t.csv", hours("%Y%m%d%H%M").replace("201607011500", "201607012500"))
    refused = run("fit", "t.csv", "--time", "t", *FORECAST, *QUICK, "--out", "m")
    assert refused.code == 2
    assert "201607012500" in refused.err


def test_words_have_gaps_too(run: Run) -> None:
    lines = ["t,channel,value"]
    for k in range(80):
        lines += [f"{k},y,{k % 12}", f"{k},drug,{'abc'[k % 3]}", f"{k},drug,{'abc'[(k + 1) % 3]}"]
        lines += [f"{k},note,pump {k % 3} was running fine today"]
    write("t.csv", "\n".join(lines) + "\n")
    given = ("--time", "t", "--channel", "channel", "--value", "value")
    assert run("fit", "t.csv", *given, *FORECAST, *QUICK, "--out", "m").code == 0
    assert run("predict", "m", "t.csv", "--out", "p.csv").code == 0


def test_month_ends_go_on_as_month_ends(run: Run) -> None:
    starts = pl.date_range(pl.date(1949, 1, 1), pl.date(1954, 2, 1), "1mo", eager=True)
    frame = pl.DataFrame({"t": starts, "y": [float(k % 12) for k in range(len(starts))]})
    frame.write_csv("starts.csv")
    frame.with_columns(pl.col("t").dt.month_end()).write_csv("ends.csv")
    assert run("fit", "starts.csv", "--time", "t", *FORECAST, *QUICK, "--out", "m").code == 0
    for table, days in (("starts.csv", ("03-01", "04-01", "05-01")), ("ends.csv", ("03-31", "04-30", "05-31"))):
        assert run("predict", "m", table, "--out", "p.csv", "--overwrite").code == 0
        assert pl.read_csv("p.csv")["t"].to_list() == [f"1954-{day}" for day in days]


def test_zones_that_come_or_go_are_told(run: Run) -> None:
    write("t.csv", hours("%Y-%m-%d %H:%M"))
    write("zoned.csv", hours("%Y-%m-%d %H:%M+08:00"))
    assert run("fit", "t.csv", "--time", "t", *FORECAST, *QUICK, "--out", "m").code == 0
    assert run("fit", "zoned.csv", "--time", "t", *FORECAST, *QUICK, "--out", "z").code == 0
    assert "zone" not in run("predict", "m", "t.csv", "--out", "p.csv", "--overwrite").err
    said = run("predict", "m", "zoned.csv", "--out", "p.csv", "--overwrite").err
    assert "have a time zone; those the model was trained on had none" in said
    said = run("predict", "z", "t.csv", "--out", "p.csv", "--overwrite").err
    assert "have no time zone; those the model was trained on had one" in said


def test_a_calendar_needs_dates(run: Run) -> None:
    write("t.csv", "t,y\n" + "".join(f"{k},{k % 12}\n" for k in range(60)))
    refused = run("fit", "t.csv", "--time", "t", *FORECAST, *QUICK, "--cycles", "calendar", "--out", "m")
    assert (refused.code, "--cycles calendar needs dates; the times are numbers" in refused.err) == (2, True)


def test_scores_on_what_was_trained_on_are_told(run: Run) -> None:
    write("t.csv", "unique_id,ds,y\n" + "".join(f"{s},{k},{(k + s) % 12}\n" for s in range(3) for k in range(60)))
    assert run("fit", "t.csv", *FORECAST, *QUICK, "--out", "m").code == 0
    assert "100 % of the series are among those the model was trained on" in run("evaluate", "m", "t.csv").err
    write("more.csv", "unique_id,ds,y\n" + "".join(f"{s},{k},{(k + s) % 12}\n" for s in range(4) for k in range(60)))
    assert "75 % of the series are among those" in run("evaluate", "m", "more.csv").err
    write("others.csv", "unique_id,ds,y\n" + "".join(f"{s},{k},{(k + s) % 11}\n" for s in range(4) for k in range(60)))
    assert "flatter" not in run("evaluate", "m", "others.csv").err
