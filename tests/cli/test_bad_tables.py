"""The user's mistakes in tables and options: exit code 2 before any training, what is wrong named, files unharmed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cli.conftest import Run
from cli.tables import CLASSIFY, FORECAST, QUICK, co2, stays, write

STAYS, CO2 = stays(), co2()
FIRST_STAY = STAYS.splitlines()[1]
FIRST_WEEK = CO2.splitlines()[1]


def weighted(weight: Callable[[int], object]) -> str:
    """STAYS with a column ``w`` that depends on the stay."""
    header, *lines = STAYS.splitlines()
    return "\n".join([f"{header},w", *(f"{line},{weight(int(line.partition(',')[0]))}" for line in lines)]) + "\n"


CLASSIFIER = {
    "no-such-id": (STAYS, ["--id", "Stay"], ["No column 'Stay'", "Did you mean 'stay'?"]),
    "no-such-time": (STAYS, ["--time", "hours"], ["No column 'hours'", "Did you mean 'hour'?"]),
    "no-such-target": (STAYS, ["--target", "dyed"], ["No column 'dyed'", "Did you mean 'died'?"]),
    "no-such-channel": (STAYS, ["--channels", "puls"], ["No column 'puls'", "Did you mean 'pulse'?"]),
    "no-such-ignored": (STAYS, ["--ignore", "puls"], ["No column 'puls'", "Did you mean 'pulse'?"]),
    "two-roles": (STAYS, ["--time", "stay"], ["'stay'", "give it once"]),
    "conflict": (
        STAYS + FIRST_STAY.replace(",no", "").rpartition(",")[0] + ",9.9,no\n",
        [],
        ["comes twice in series 0", "'ph' is", "row 1 (line 2 of the file)", "row 49 (line 50", "--duplicates mean"],
    ),
    "bad-time": (STAYS + "3,noon,1,7,yes\n", [], ["'hour' has 'noon' in row 49 (line 50 of the file)"]),
    "no-time": (STAYS + "3,,1,7,yes\n", [], ["'hour' has no time in row 49"]),
    "infinite-time": (STAYS + "3,inf,1,7,yes\n", [], ["'hour' has inf in row 49"]),
    "no-id": (STAYS + ",8,1,7,yes\n", [], ["Id column 'stay' is empty, in row 49"]),
    "one-class": (STAYS.replace("yes", "no"), [], ["one class only, 'no'"]),
    "class-of-one": (STAYS + "99,0,1,7,maybe\n", [], ["Class 'maybe' has one series only"]),
    "two-labels": (STAYS + "0,77,1,7,yes\n", [], ["'died' is 'no' and 'yes' on two rows of series 0"]),
    "no-label": (
        STAYS.replace("yes", "").replace("no", ""),
        [],
        ["No series has a target", "'died' of bad.csv is blank"],
    ),
    "no-weight": (
        weighted(lambda stay: "" if stay == 3 else 2),
        ["--weight", "w"],
        ["Weight column 'w' of bad.csv is blank for series 3", "1 where it counts like any other"],
    ),
    "no-group": (
        weighted(lambda stay: "" if stay in (3, 5) else stay),
        ["--group", "w"],
        ["Group column 'w' of bad.csv is blank for series 3 and 1 more"],
    ),
    "negative-weight": (weighted(lambda stay: 3 - stay), ["--weight", "w"], ["Weight column 'w' of series 4 is -1"]),
    "huge-weight": (weighted(lambda _: 1e300), ["--weight", "w"], ["is 1e+300", "from 1e-30 to 1e+30", "divide all"]),
    "measurement": (
        "stay,hour,pulse,died\n" + "".join(f"{k},0,1,{k / 7:.3f}\n" for k in range(20)),
        [],
        ["20 different values in 20 series", "measurement"],
    ),
    "all-missing": ("stay,hour,pulse,died\n1,0,,a\n2,0,NA,b\n", [], ["No value in any channel", "'pulse'"]),
    "no-channel": ("stay,hour,died\n1,0,a\n2,0,b\n", [], ["is left to be a channel"]),
    "text": (
        STAYS.replace("7.", "high", 1),
        [],
        ["Channel 'ph'", "row 1 (line 2 of the file)", "'high", "--ignore ph"],
    ),
    "infinite": (STAYS + "3,9,-inf,7,yes\n", [], ["Channel 'pulse' is infinite in row 49"]),
    "too-large": (STAYS + "3,9,1e200,7,yes\n", [], ["'pulse'", "1e+200", "too large"]),
    "empty": ("", [], ["is empty (0 bytes)"]),
    "header-only": ("stay,hour,pulse,died\n", [], ["No rows"]),
    "same-name": (STAYS.replace("ph", "pulse"), [], ["More than one column", "'pulse'"]),
    "cut-line": (STAYS + "3,9\n", [], ["line 50 has 2 fields where the header has 5"]),
    "name-of-a-result": (STAYS.replace("stay", "prediction"), ["--id", "prediction"], ["two columns", "'prediction'"]),
    "name-of-a-probability": (STAYS.replace("stay", "prob_yes"), ["--id", "prob_yes"], ["two columns", "'prob_yes'"]),
    "horizon": (STAYS, ["--horizon", "3"], ["--horizon is for --task forecast"]),
    "learning-rate": (STAYS, ["--learning-rate", "50"], ["--learning-rate is 50.0"]),
    "seed": (STAYS, ["--seed", str(2**40)], ["--seed", str(2**40)]),
    "epochs": (STAYS, ["--epochs", "0"], ["--epochs"]),
    "task": (STAYS, ["--task", "clasify"], ["'clasify'", "'classify', 'regress', 'tag', 'forecast'"]),
    "no-such-option": (STAYS, ["--taget", "died"], ["--taget", "--target"]),
}

FORECASTER = {
    "no-such-target": (CO2.replace(",co2", ",c02"), [], ["'co2'", "Did you mean 'c02'?"]),
    "two-targets": (CO2, ["--target", "c02"], ["--task forecast has one --target; got co2, c02"]),
    "bad-date": (CO2 + "1960-02-30,300\n", [], ["Time column 'date' has '1960-02-30' in row"]),
    "conflict": (CO2 + FIRST_WEEK.partition(",")[0] + ",1\n", [], ["1958-03-29", "comes twice in the series", "'co2'"]),
    "short": (CO2, ["--horizon", "99"], ["is 80 steps long, no longer than the horizon of 99"]),
    "short-store": (
        "store,day,co2\ns1,0,1\ns1,1,2\ns2,0,1\n",
        ["--id", "store", "--time", "day"],
        ["Series 's1' is 2 steps long, no longer than the horizon of 4"],
    ),
    "silent": (
        CO2.replace("\n", ",\n").replace("date,co2,", "date,x,co2"),
        [],
        ["--target 'co2' is no channel of the table, or has no value in it"],
    ),
    "nearly-silent": ("date,co2\n2020-01-01,5\n2020-01-02,\n2020-01-03,6\n", ["--horizon", "1"], ["at 2 steps", "4"]),
    "uneven": (
        "date,co2\n" + "".join(f"{k},{k}\n" for k in range(20)) + "1e9,3\n",
        ["--horizon", "2"],
        ["21 rows over 1000000001 steps", "too uneven"],
    ),
    "no-horizon": (CO2, ["--horizon", "0"], ["--horizon"]),
    "id-called-time": (
        "time,co2\n" + "".join(f"{k % 2},{k}\n" for k in range(40)),
        ["--id", "time"],
        ["two columns", "'time'"],
    ),
}


@pytest.mark.parametrize("command", ["fit", "evaluate"])
def test_a_huge_target(run: Run, folder: Path, command: str) -> None:
    rows = [f"{stay},{hour},{stay},{stay / 2}" for stay in range(12) for hour in range(3)]
    write(folder / "t.csv", "\n".join(["stay,hour,x,y", *rows]) + "\n")
    write(folder / "bad.csv", "\n".join(["stay,hour,x,y", *rows, "99,0,1,1e300"]) + "\n")
    options = ("--id", "stay", "--time", "hour", "--task", "regress", "--target", "y", "--members", "1", *QUICK)
    assert run("fit", "t.csv", *options, "--out", "m").code == 0
    ended = run("fit", "bad.csv", *options, "--out", "n") if command == "fit" else run("evaluate", "m", "bad.csv")
    assert ended.code == 2
    assert_names(ended.err, ["The target of series 99 is 1e+300, too large"])


def assert_names(err: str, parts: list[str]) -> None:
    assert err.count("Error: ") == 1
    for part in parts:
        assert part in " ".join(err.split())


def assert_no_option_of_fit(err: str) -> None:
    """A model says what columns mean, so that no other meaning may be advised."""
    for advice in ("--category", "--ignore", "kinds=", "choose another id", "--batch-size", "as a channel"):
        assert advice not in err


@pytest.mark.parametrize("case", CLASSIFIER)
def test_a_bad_table_of_labelled_series(run: Run, untouched: Callable[[], None], case: str) -> None:
    text, options, parts = CLASSIFIER[case]
    write("bad.csv", text)
    ended = run("fit", "bad.csv", *CLASSIFY, *options, "--out", "stays.memcell", "--overwrite")
    assert ended.code == 2
    assert_names(ended.err, parts)
    untouched()


@pytest.mark.parametrize("case", FORECASTER)
def test_a_bad_table_to_forecast(run: Run, untouched: Callable[[], None], case: str) -> None:
    text, options, parts = FORECASTER[case]
    write("bad.csv", text)
    asked = FORECAST[2:] if "--id" in options else FORECAST
    ended = run("fit", "bad.csv", *asked, *options, "--out", "co2.memcell", "--overwrite")
    assert ended.code == 2
    assert_names(ended.err, parts)
    untouched()


@pytest.mark.parametrize(
    ("model", "text", "parts"),
    [
        ("stays", STAYS.replace("ph", "pH"), ["No column 'ph'", "trained with", "Did you mean 'pH'?"]),
        ("stays", "stay,pulse\n1,2\n", ["No columns 'hour', 'ph'"]),
        ("stays", STAYS.replace("stay", "Stay"), ["No column 'stay'", "Did you mean 'Stay'?"]),
        ("stays", "stay,hour,pulse,ph\n1,2020-01-01,1,2\n", ["'hour' holds dates; the model was trained with numbers"]),
        ("stays", STAYS.replace("7.", "high", 1), ["Channel 'ph'", "row 1", "'high", "trained with numbers there"]),
        ("stays", STAYS + "0,0,5,7,no\n", ["comes twice in series 0"]),
        ("stays", "", ["is empty"]),
        ("co2", "date,co2\n5,300\n", ["'date' holds numbers; the model was trained with dates"]),
        ("co2", "date,co2\n2020-01-01,\n", ["The series has no value of 'co2'"]),
        ("co2", "date\n2020-01-01\n", ["No column 'co2'"]),
    ],
    ids=str,
)
def test_a_bad_table_to_predict(
    run: Run, untouched: Callable[[], None], model: str, text: str, parts: list[str]
) -> None:
    write("bad.csv", text)
    ended = run("predict", f"{model}.memcell", "bad.csv", "--out", "p.csv")
    assert ended.code == 2
    assert_names(ended.err, parts)
    assert_no_option_of_fit(ended.err)
    untouched()


@pytest.mark.parametrize(
    ("model", "text", "parts"),
    [
        ("stays", STAYS.replace("died", "dead"), ["No column 'died'", "Did you mean 'dead'?"]),
        ("stays", STAYS + "0,77,1,7,yes\n", ["'died' is 'no' and 'yes' on two rows of series 0", "mend one"]),
        ("stays", STAYS.replace("yes", "maybe"), ["'maybe' is none of the model's classes, 'no', 'yes'"]),
        ("co2", "\n".join(CO2.splitlines()[:4]), ["No series has known values of the target over 4 steps"]),
    ],
    ids=["no-target", "two-labels", "unknown-label", "too-short"],
)
def test_a_bad_table_to_evaluate(run: Run, folder: Path, model: str, text: str, parts: list[str]) -> None:
    write(folder / "bad.csv", text)
    ended = run("evaluate", f"{model}.memcell", "bad.csv")
    assert ended.code == 2
    assert_names(ended.err, parts)
    assert_no_option_of_fit(ended.err)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["fit", "stays.csv", *CLASSIFY], ["Missing option '--out'"]),
        (["fit", "stays.csv", *CLASSIFY[2:], "--out", "m"], ["--id is missing"]),
        (["fit", "co2.csv", *FORECAST[:-2], "--out", "m"], ["--horizon is missing"]),
        (["fit", "stay.csv", *CLASSIFY, "--out", "m"], ["stay.csv does not exist", "Did you mean 'stays.csv'?"]),
        (["fit", "stays.memcell", *CLASSIFY, "--out", "m"], ["must be a table: .csv"]),
        (["fit", "stays.csv", *CLASSIFY, "--out", "stays.memcell"], ["stays.memcell exists", "--overwrite"]),
        (["fit", "stays.csv", *CLASSIFY, "--out", "none/m"], ["no folder none"]),
        (["fit", "stays.csv", *CLASSIFY, "--out", ".", "--overwrite"], ["is a folder"]),
        (["fit", "stays.csv", *CLASSIFY, "--out", "stays.csv", "--overwrite"], ["stays.csv is read and cannot"]),
        (["fit", "stays.csv", *CLASSIFY, "--target", "died", "--out", "m"], ["--target 'died' is given twice"]),
        (
            ["fit", "stays.csv", *CLASSIFY, "--category", "ph", "--number", "ph", "--out", "m"],
            ["'ph' is given as --category and as --number"],
        ),
        (
            ["fit", "stays.csv", *CLASSIFY, "--category", "hour", "--out", "m"],
            ["'hour' is given as --category and as --time"],
        ),
        (["predict", "stays.memcell", "stays.csv", "--out", "p.txt"], ["must end in .csv or .parquet", "'.txt'"]),
        (["predict", "stays.memcell", "stays.csv", "--out", "co2.csv"], ["co2.csv exists", "--overwrite"]),
        (["predict", "stays.memcell", "stays.csv", "--out", "stays.csv", "--overwrite"], ["is read and cannot"]),
        (["predict", "stay.memcell", "stays.csv", "--out", "p.csv"], ["There is no file stay.memcell"]),
        (["fit"], ["Missing argument"]),
        (["frobnicate"], ["No such command 'frobnicate'"]),
        (["fit", "stays.csv", *CLASSIFY, "--out", "m", "--hidden-size", "x"], ["--hidden-size"]),
    ],
    ids=lambda value: " ".join(map(str, value))[-40:],
)
def test_wrong_use(run: Run, untouched: Callable[[], None], arguments: list[str], parts: list[str]) -> None:
    ended = run(*arguments)
    assert ended.code == 2
    assert_names(ended.err, parts)
    untouched()
