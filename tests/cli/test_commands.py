"""The commands on tables as they should be: what is printed and what is written."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from cli.conftest import Run
from cli.tables import CLASSIFY, QUICK, co2, stays, write

import memcell

pytestmark = pytest.mark.usefixtures("folder")


def predicted(path: str | Path) -> pl.DataFrame:
    return pl.read_parquet(path) if str(path).endswith(".parquet") else pl.read_csv(path)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_of_stays_from_fit_to_predictions(run: Run, suffix: str) -> None:
    pl.read_csv("stays.csv").write_parquet("stays.parquet")
    table = f"stays{suffix}"
    fit = run("fit", table, *CLASSIFY, *QUICK, "--out", "icu.memcell")
    assert fit.code == 0
    assert "Trained on 12 series, 48 rows: validation loss" in fit.out
    assert "Model: icu.memcell" in fit.out
    assert run("predict", "icu.memcell", table, "--out", f"p{suffix}").code == 0
    frame = predicted(f"p{suffix}")
    assert frame.columns == ["stay", "prediction", "prob_no", "prob_yes"]
    assert frame["stay"].to_list() == list(range(12))
    series = memcell.read(table, id="stay", time="hour", channels=["pulse", "ph"])
    model = memcell.load("icu.memcell")
    np.testing.assert_allclose(frame[["prob_no", "prob_yes"]].to_numpy(), model.predict_proba(series))
    assert frame["prediction"].to_list() == model.predict(series).tolist()


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_forecast_has_the_time_column_and_three_quantiles(run: Run, suffix: str) -> None:
    assert run("predict", "co2.memcell", "co2.csv", "--out", f"p{suffix}").code == 0
    frame = predicted(f"p{suffix}")
    assert frame.columns == ["date", "q0.1", "q0.5", "q0.9"]
    assert frame["date"].cast(pl.String).to_list() == ["1959-10-10", "1959-10-17", "1959-10-24", "1959-10-31"]
    assert frame["date"].dtype == (pl.Date if suffix == ".parquet" else pl.String)
    (forecast,) = memcell.load("co2.memcell").predict(memcell.read("co2.csv", time="date"))
    np.testing.assert_allclose(frame[:, 1:].to_numpy(), forecast.quantiles)


def test_a_forecast_of_many_series_has_their_ids(run: Run) -> None:
    table = "store,day,sales\n" + "".join(f"s{k % 2},{k // 2},{k % 7 + k % 2}\n" for k in range(60))
    write("t.csv", table)
    options = ("--id", "store", "--time", "day", "--target", "sales", "--task", "forecast", "--horizon", 2)
    assert run("fit", "t.csv", *options, *QUICK, "--out", "m").code == 0
    assert run("predict", "m", "t.csv", "--out", "p.csv").code == 0
    frame = predicted("p.csv")
    assert frame.columns == ["store", "day", "q0.1", "q0.5", "q0.9"]
    assert frame["store"].to_list() == ["s0", "s0", "s1", "s1"]
    assert frame["day"].to_list() == [30, 31, 30, 31]


def test_without_a_time_column_a_forecast_counts_rows(run: Run) -> None:
    write("t.csv", "y\n" + "".join(f"{k % 5}\n" for k in range(40)))
    assert run("fit", "t.csv", "--target", "y", "--task", "forecast", "--horizon", 2, *QUICK, "--out", "m").code == 0
    assert run("predict", "m", "t.csv", "--out", "p.csv").code == 0
    assert predicted("p.csv")["time"].to_list() == [40, 41]


def test_the_same_seed_gives_the_same_predictions(run: Run) -> None:
    for seed, name in ((1, "a"), (1, "b"), (2, "c")):
        assert run("fit", "stays.csv", *CLASSIFY, *QUICK, "--seed", seed, "--out", name).code == 0
        assert run("predict", name, "stays.csv", "--out", f"{name}.csv").code == 0
    assert Path("a.csv").read_text() == Path("b.csv").read_text()
    assert Path("a.csv").read_text() != Path("c.csv").read_text()


def test_the_order_of_the_rows_does_not_change_the_model(run: Run) -> None:
    header, *lines = stays(30).splitlines()
    write("t.csv", "\n".join([header, *lines]) + "\n")
    write("u.csv", "\n".join([header, *np.random.default_rng(0).permutation(lines)]) + "\n")
    for table in ("t", "u"):
        assert run("fit", f"{table}.csv", *CLASSIFY, *QUICK, "--out", table).code == 0
    one, other = memcell.load("t"), memcell.load("u")
    assert one.record == other.record
    for name, weight in one.members[0].items():
        np.testing.assert_array_equal(weight, other.members[0][name])
    assert run("predict", "t", "u.csv", "--out", "p.csv").code == 0
    first = list(dict.fromkeys(int(line.partition(",")[0]) for line in Path("u.csv").read_text().splitlines()[1:]))
    assert predicted("p.csv")["stay"].to_list() == first


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        lambda text: text.replace("yes", "rubbish").replace("no", ""),
        lambda text: text.replace(",died", ",dead"),
        lambda text: "".join(line.rpartition(",")[0] + "\n" for line in text.splitlines()),
        lambda text: "\n".join(
            [text.splitlines()[0], *sorted(text.splitlines()[1:], key=lambda line: int(line[:2].strip(",")))]
        ),
        lambda text: "\ufeff" + text.replace(",", ";").replace("\n", "\r\n"),
        lambda text: text.replace("died", "died,more").replace("yes", "yes,text").replace("no", "no,"),
    ],
    ids=["itself", "rubbish-target", "other-name", "no-target", "sorted", "bom-semicolon-crlf", "more-columns"],
)
def test_what_the_model_does_not_read_is_no_matter(run: Run, change: Callable[[str], str]) -> None:
    write("t.csv", change(stays()))
    assert run("predict", "stays.memcell", "t.csv", "--out", "p.csv").code == 0
    assert run("predict", "stays.memcell", "stays.csv", "--out", "q.csv").code == 0
    assert Path("p.csv").read_text() == Path("q.csv").read_text()


def test_a_column_the_forecaster_does_not_read_is_no_matter(run: Run) -> None:
    write("t.csv", "".join(f"{'note' if k == 0 else 'text'},{line}\n" for k, line in enumerate(co2().splitlines())))
    assert run("predict", "co2.memcell", "t.csv", "--out", "p.csv").code == 0
    assert run("predict", "co2.memcell", "co2.csv", "--out", "q.csv").code == 0
    assert Path("p.csv").read_text() == Path("q.csv").read_text()


def test_times_of_a_parquet_file_join_those_of_the_table(run: Run) -> None:
    hours = pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2024, 1, 3), "1h", time_zone="UTC", eager=True)
    table = pl.DataFrame({"at": hours, "x": np.arange(len(hours)) % 5.0})
    table.write_parquet("t.parquet")
    options = ("--time", "at", "--target", "x", "--task", "forecast", "--horizon", 2)
    assert run("fit", "t.parquet", *options, *QUICK, "--out", "m").code == 0
    assert run("predict", "m", "t.parquet", "--out", "p.parquet").code == 0
    later = table.with_columns(pl.col("at").dt.offset_by("2h"))
    assert later.join(predicted("p.parquet"), on="at").height == 2
    assert run("predict", "m", "t.parquet", "--out", "p.csv").code == 0
    assert predicted("p.csv")["at"].to_list() == ["2024-01-03 01:00:00Z", "2024-01-03 02:00:00Z"]


@pytest.mark.parametrize("unit", [1e-6, 1e80])
def test_scores_of_small_and_of_huge_targets_have_digits(run: Run, unit: float) -> None:
    write("t.csv", "id,x,y\n" + "".join(f"{k},{k % 5},{k % 7 * unit}\n" for k in range(30)))
    options = ("--id", "id", "--target", "y", "--task", "regress", "--members", 1)
    assert run("fit", "t.csv", *options, *QUICK, "--out", "m").code == 0
    scores = dict(line.split() for line in run("evaluate", "m", "t.csv").out.splitlines())
    for name in ("rmse", "mae", "pinball"):
        assert 0.01 < float(scores[name]) / unit < 10
        assert len(scores[name]) < 12


def test_evaluate_prints_scores(run: Run) -> None:
    scores = run("evaluate", "stays.memcell", "stays.csv").out
    assert [line.split()[0] for line in scores.splitlines()] == [
        "series", "accuracy", "balanced_accuracy", "auroc", "log_loss", "brier", "calibration_error",
    ]  # fmt: skip
    scores = run("evaluate", "co2.memcell", "co2.csv", "--origins", 3).out
    refused = run("evaluate", "stays.memcell", "stays.csv", "--origins", 3)
    assert refused.code == 2
    assert "--origins is for forecasts" in refused.err
    assert [line.split()[0] for line in scores.splitlines()] == ["origins", "mae", "mase", "coverage", "pinball"]
    assert scores.split()[1] == "3"


def test_options_of_the_model_reach_it(run: Run) -> None:
    options = ("--num-layers", 2, "--peephole", "diagonal", "--channels", "ph", "--batch-size", 3)
    assert run("fit", "stays.csv", *CLASSIFY, *QUICK, *options, "--out", "m").code == 0
    model = memcell.load("m")
    assert (model.config.num_layers, model.config.hidden_size, model.config.spec.peephole) == (2, 4, "diagonal")
    assert model.recipe.schema.channels == ("ph",)
    assert run("fit", "stays.csv", *CLASSIFY, *QUICK, "--ignore", "ph", "--out", "n").code == 0
    assert memcell.load("n").recipe.schema.channels == ("pulse",)


@pytest.mark.parametrize("how", ["mean", "last"])
def test_duplicates_are_joined_when_asked_for(run: Run, how: str) -> None:
    write("t.csv", stays() + "0,0,5.0,7.1,no\n0,0,6.0,7.2,no\n")
    for command in (
        ("fit", "t.csv", *CLASSIFY, *QUICK, "--out", "m"),
        ("predict", "stays.memcell", "t.csv", "--out", "p.csv"),
    ):
        done = run(*command, "--duplicates", how)
        assert done.code == 0
        assert f"Rows joined to another one of the same id and time ({how}): 2" in done.err


def test_a_channel_that_is_missing_throughout_is_dropped_with_a_note(run: Run) -> None:
    write("t.csv", stays().replace(",died", ",empty,died").replace(",no", ",,no").replace(",yes", ",NA,yes"))
    done = run("fit", "t.csv", *CLASSIFY, *QUICK, "--out", "m")
    assert done.code == 0
    assert "Dropped 'empty': missing in every row" in done.err
    assert memcell.load("m").recipe.schema.channels == ("pulse", "ph")


@pytest.mark.parametrize(
    "command", [("fit", "stays.csv", *CLASSIFY, *QUICK), ("predict", "stays.memcell", "stays.csv")], ids=lambda c: c[0]
)
def test_overwrite_replaces_and_nothing_else_does(run: Run, command: tuple[str, ...]) -> None:
    write("out.csv", "precious")
    refused = run(*command, "--out", "out.csv")
    assert refused.code == 2
    assert "out.csv exists" in refused.err
    assert "--overwrite" in refused.err
    assert Path("out.csv").read_text() == "precious"
    assert run(*command, "--out", "out.csv", "--overwrite").code == 0
    assert Path("out.csv").read_bytes() != b"precious"


def test_the_version(run: Run) -> None:
    done = run("--version")
    assert (done.code, done.out) == (0, f"memcell {memcell.__version__}\n")


def test_help_of_every_command(run: Run) -> None:
    assert run("--help").code == 0
    for command in ("fit", "predict", "evaluate", "show", "report"):
        shown = run(command, "--help")
        assert shown.code == 0
        assert "Usage: memcell " + command in shown.out
