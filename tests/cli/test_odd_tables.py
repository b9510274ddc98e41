"""Tables as they come: whatever is odd about them, fit and predict end well and the predictions make sense."""

import calendar
import datetime
from collections.abc import Callable, Iterable

import numpy as np
import polars as pl
import pytest
from cli.conftest import Run
from cli.tables import CLASSIFY, QUICK, csv, stays, write

pytestmark = pytest.mark.usefixtures("folder")

RANDOM = np.random.default_rng(0)
Cells = Iterable[tuple[object, ...]]


def text_columns(path: str) -> pl.DataFrame:
    """What was written, as text, so that a leading zero is seen."""
    return pl.read_csv(path, infer_schema=False)


def stays_with(ids: Callable[[int], object], labels: tuple[object, ...], rows: int = 3, count: int = 12) -> Cells:
    for stay in range(count):
        for row in range(rows):
            yield ids(stay), row * 0.37 - 1, RANDOM.normal(stay % len(labels)), labels[stay % len(labels)]


STAYS = "stay,hour,pulse,died"
LABELLED = {
    "integer-ids": (csv(STAYS, stays_with(lambda k: 10**12 + k, ("a", "b"))), "1000000000000", ["a", "b"]),
    "leading-zeros": (csv(STAYS, stays_with(lambda k: f"{k:05d}", ("a", "b"))), "00000", ["a", "b"]),
    "three-classes": (csv(STAYS, stays_with(lambda k: k, ("né", "b c", "好"))), "0", ["b c", "né", "好"]),
    "numbers-for-classes": (csv(STAYS, stays_with(lambda k: k, (2, 10))), "0", ["2", "10"]),
    "flags-for-classes": (csv(STAYS, stays_with(lambda k: k, ("true", "false"))), "0", ["false", "true"]),
    "one-row-a-series": (csv(STAYS, stays_with(lambda k: f"s{k}", ("a", "b"), rows=1)), "s0", ["a", "b"]),
    "semicolons": (csv(STAYS, stays_with(lambda k: f"x,{k}", ("a", "b")), ";"), "x,0", ["a", "b"]),
    "bom-crlf": ("\ufeff" + csv(STAYS, stays_with(lambda k: k, ("a", "b"))).replace("\n", "\r\n"), "0", ["a", "b"]),
    "two-of-each-class": (csv(STAYS, stays_with(lambda k: k, ("a", "b"), count=4)), "0", ["a", "b"]),
    "huge-values": (csv(STAYS, ((k, 0, (k % 2) * 1e30, "ab"[k % 2]) for k in range(9))), "0", ["a", "b"]),
    "constant-channel": (csv(STAYS, ((k, 0, 0.1, "ab"[k % 2]) for k in range(9))), "0", ["a", "b"]),
}  # fmt: skip


@pytest.mark.parametrize("case", LABELLED)
def test_labelled_series(run: Run, case: str) -> None:
    text, first, classes = LABELLED[case]
    write("t.csv", text)
    assert run("fit", "t.csv", *CLASSIFY, *QUICK, "--out", "m").code == 0
    assert run("predict", "m", "t.csv", "--out", "p.csv").code == 0
    assert run("evaluate", "m", "t.csv").code == 0
    shown = run("show", "m").out
    for label in classes:
        assert f"{label} (" in shown
    frame = text_columns("p.csv")
    assert frame.columns == ["stay", "prediction", *(f"prob_{label}" for label in classes)]
    assert frame["stay"][0] == first
    assert frame["stay"].is_unique().all()
    assert set(frame["prediction"]) <= set(classes)
    probabilities = frame[:, 2:].cast(pl.Float64).to_numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)


@pytest.mark.parametrize(
    "rows",
    [
        "7,0,,\n7,1,,\n",
        "7,0,1e30,-1e300\n",
        "7,-1e15,1,2\n7,1e15,3,4\n",
        "7,0.001,80,7.4\n",
        "8,3,80,7.4\n7,2,,7.4\n8,1,,\n",
    ],
    ids=["no-value", "huge-values", "far-apart", "one-row", "out-of-order"],
)
def test_odd_stays_have_probabilities(run: Run, rows: str) -> None:
    write("t.csv", "stay,hour,pulse,ph\n" + rows)
    assert run("predict", "stays.memcell", "t.csv", "--out", "p.csv").code == 0
    probabilities = pl.read_csv("p.csv")[["prob_no", "prob_yes"]].to_numpy()
    assert ((probabilities > 0) & (probabilities < 1)).all()


def dates(count: int, step: int = 1) -> list[str]:
    return [str(datetime.date(2021, 1, 1) + datetime.timedelta(days=step * k)) for k in range(count)]


def month_ends(count: int) -> list[str]:
    months = [(2015 + k // 12, k % 12 + 1) for k in range(count)]
    return [f"{year}-{month:02d}-{calendar.monthrange(year, month)[1]}" for year, month in months]


WAVE = 5 + np.sin(np.arange(80) / 3)
DAILY = list(zip(dates(80), WAVE.tolist(), strict=True))
FLAT = dates(40)

# Rows, horizon, and the times that are to be forecast.
SERIES = {
    "month-ends": (list(zip(month_ends(60), WAVE, strict=False)), 3, ["2020-01-31", "2020-02-29", "2020-03-31"]),
    "hours": ([(f"2021-01-01 {k:02d}:30", WAVE[k]) for k in range(24)], 1, ["2021-01-02 00:30:00"]),
    "numbers": ([(k / 2, WAVE[k]) for k in range(80)], 2, ["40.0", "40.5"]),
    "whole-numbers": ([(k, WAVE[k]) for k in range(80)], 2, ["80", "81"]),
    "zoned": ([(f"2021-01-01T{k:02d}:30+02:00", WAVE[k]) for k in range(24)], 1, ["2021-01-01 22:30:00Z"]),
    "zoned-midnights": ([(f"{day}T00:00Z", value) for day, value in DAILY], 1, ["2021-03-22 00:00:00Z"]),
    "days-with-holes": ([row for k, row in enumerate(DAILY) if k % 9], 1, ["2021-03-22"]),
    "last-days-empty": ([(day, value if k < 77 else None) for k, (day, value) in enumerate(DAILY)], 1, ["2021-03-22"]),
    "constant": ([(day, 7.0) for day in FLAT], 1, ["2021-02-10"]),
    "zeros": ([(day, 0.0) for day in FLAT], 1, ["2021-02-10"]),
    "negative": ([(day, value - 100) for day, value in DAILY], 1, ["2021-03-22"]),
    "huge": ([(day, value * 1e30) for day, value in DAILY], 1, ["2021-03-22"]),
    "tiny": ([(day, value * 1e-30) for day, value in DAILY], 1, ["2021-03-22"]),
    "counts": ([(day, RANDOM.poisson(0.3)) for day, _ in DAILY], 1, ["2021-03-22"]),
    "horizon-but-one": (DAILY[:6], 5, dates(11)[6:]),
}


@pytest.mark.parametrize("case", SERIES)
def test_series_to_forecast(run: Run, case: str) -> None:
    rows, horizon, times = SERIES[case]
    write("t.csv", csv("Tag,Wert °C", rows))
    options = ("--time", "Tag", "--target", "Wert °C", "--task", "forecast", "--horizon", horizon)
    assert run("fit", "t.csv", *options, *QUICK, "--out", "m").code == 0
    assert run("predict", "m", "t.csv", "--out", "p.csv").code == 0
    assert run("show", "m").code == 0
    frame = text_columns("p.csv")
    assert frame["Tag"].to_list() == times
    quantiles = frame[:, 1:].cast(pl.Float64).to_numpy()
    assert (np.diff(quantiles, axis=1) >= 0).all()
    # Half a range beyond what was ever seen, or, where nothing ever changed, a little of its size.
    seen = np.array([value for _, value in rows if value is not None], float)
    margin = np.ptp(seen) or abs(seen[0]) / 100 or 0.01
    assert seen.min() - margin < quantiles[:, 1].min()
    assert quantiles[:, 1].max() < seen.max() + margin


def test_stores_of_one_size_each_with_a_calendar_of_its_own(run: Run) -> None:
    def rows() -> Cells:
        for store, start in (("007", 0), ("x", 40)):
            for k, day in enumerate(dates(90)):
                if k % 7 and k >= start:
                    yield store, day, round(float(10 + np.sin(k)), 2), int(k % 5 == 0), "text"

    write("t.csv", csv("store,day,sales,promo,note", rows()))
    options = ("--id", "store", "--time", "day", "--target", "sales", "--task", "forecast", "--horizon", 2)
    assert run("fit", "t.csv", *options, "--ignore", "note", *QUICK, "--out", "m").code == 0
    assert run("predict", "m", "t.csv", "--out", "p.csv").code == 0
    frame = text_columns("p.csv")
    assert frame["store"].to_list() == ["007", "007", "x", "x"]
    assert frame["day"].to_list() == ["2021-04-01", "2021-04-02"] * 2
    assert frame["q0.5"].cast(pl.Float64).is_between(8, 12).all()


def test_a_zero_does_not_throw_a_forecast_of_logarithms(run: Run) -> None:
    months, growth = month_ends(96), np.exp(np.arange(96) / 30) * (10 + 3 * np.sin(np.arange(96) / 2))
    write("t.csv", csv("m,y", zip(months, growth, strict=True)))
    options = ("--time", "m", "--target", "y", "--task", "forecast", "--horizon", 6)
    assert run("fit", "t.csv", *options, *QUICK, "--out", "m").code == 0
    assert "of logarithms" in run("show", "m").out
    growth[-3] = 0.0
    write("t.csv", csv("m,y", zip(months, growth, strict=True)))
    assert run("predict", "m", "t.csv", "--out", "p.csv").code == 0
    median = pl.read_csv("p.csv")["q0.5"]
    assert median.is_between(growth[-1] / 5, growth[-1] * 5).all()


def test_a_parquet_table_with_types_of_its_own(run: Run) -> None:
    frame = pl.read_csv(stays().encode()).with_columns(
        pl.col("hour").cast(pl.Duration("us")) * 3_600_000_000,
        pl.col("died").cast(pl.Categorical),
        pl.col("stay").cast(pl.UInt8),
    )
    frame.write_parquet("t.parquet")
    assert run("fit", "t.parquet", *CLASSIFY, *QUICK, "--out", "m").code == 0
    assert run("predict", "m", "t.parquet", "--out", "p.parquet").code == 0
    assert pl.read_parquet("p.parquet")["stay"].to_list() == list(range(12))


@pytest.mark.parametrize(
    ("labels", "shown"), [((1, 2, "x"), (1, 2)), (("true", "false", "unknown"), ("true", "false"))]
)
def test_labels_are_known_by_how_they_are_written(
    run: Run, labels: tuple[object, ...], shown: tuple[object, ...]
) -> None:
    write("t.csv", csv(STAYS, stays_with(lambda k: k, labels)))
    write("some.csv", csv(STAYS, stays_with(lambda k: k, shown)))
    assert run("fit", "t.csv", *CLASSIFY, *QUICK, "--out", "m").code == 0
    assert run("evaluate", "m", "some.csv").code == 0
    write("stray.csv", csv(STAYS, stays_with(lambda k: k, (*shown, "zz"))))
    refused = run("evaluate", "m", "stray.csv")
    assert refused.code != 0
    assert "'zz' is none of the model's classes" in refused.err


def test_series_too_short_to_forecast_are_left_out_and_told(run: Run) -> None:
    long = [(name, day, np.sin(day)) for name in ("a", "b") for day in range(40)]
    write("t.csv", csv("store,day,co2", [*long, ("c", 0, 1), ("c", 1, 2), ("d", 0, 1)]))
    roles = ("--id", "store", "--time", "day", "--target", "co2", "--task", "forecast", "--horizon", "4")
    fitted = run("fit", "t.csv", *roles, *QUICK, "--out", "m")
    assert fitted.code == 0
    assert "Note: Left out in training: Series 'c' is 2 steps long, no longer than the horizon of 4. So" in fitted.err
    write("u.csv", csv("store,day,co2", [*long, ("c", 0, None), ("c", 1, None)]))
    predicted = run("predict", "m", "u.csv", "--out", "p.csv")
    assert predicted.code == 0
    assert "Without a forecast, for they have no value of the target: 'c'." in predicted.err
    assert pl.read_csv("p.csv")["store"].unique().to_list() in (["a", "b"], ["b", "a"])
