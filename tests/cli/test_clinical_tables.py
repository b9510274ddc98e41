"""Clinical events in a long table, facts and outcomes in tables of their own: every task, and every mistake."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from cli.conftest import Run
from cli.tables import QUICK

import memcell

LONG = ("--id", "stay", "--time", "hour", "--channel", "variable", "--value", "value")
FIT = (*LONG, "--static", "static.csv", "--targets", "outcomes.csv", *QUICK, "--members", "1")
KNOWN = ("--static", "static.csv")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Events of 40 stays, four of which have none; numbers, categories and notes; sets at one time."""
    rng = np.random.default_rng(0)
    events, static, outcomes = [], [], []
    for k in range(40):
        died = k % 2
        for hour in np.sort(rng.uniform(0, 48, 0 if k % 10 == 3 else 8)).round(2):
            for variable in rng.choice(["HR", "Na", "ward", "note"], 2):
                value = {
                    "HR": f"{80 + 30 * died + rng.normal():.1f}",
                    "Na": f"{140 + rng.normal():.0f}",
                    "ward": ("er", "icu")[died],
                    "note": "calm and stable today" if died else "severe pain and fever",
                }[variable]
                events.append((f"s{k}", hour, variable, value))
        static.append((f"s{k}", 50 + k, ("f", "m")[k % 3 == 0], f"p{k // 2}"))
        outcomes.append((f"s{k}", died, 3.0 * died + rng.normal(0, 0.1), int(k % 3 == 0), 1.0 + died))
    outcomes.append(("s99", 1, 0.0, 0, 1.0))
    pl.DataFrame(events, ["stay", "hour", "variable", "value"], orient="row").write_csv(tmp_path / "events.csv")
    pl.DataFrame(static, ["stay", "age", "sex", "patient"], orient="row").write_csv(tmp_path / "static.csv")
    pl.DataFrame(outcomes, ["stay", "died", "los", "icu", "counts"], orient="row").write_csv(tmp_path / "outcomes.csv")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_events_facts_and_outcomes_into_predictions(run: Run) -> None:
    options = ("--target", "died", "--task", "classify", "--group", "patient", "--weight", "counts")
    fitted = run("fit", "events.csv", *FIT, *options, "--out", "icu.memcell")
    assert fitted.code == 0, fitted.err
    assert "Targets without any observation, left out: 1 ('s99')" in fitted.err
    assert "known by their facts alone: 4 ('s3', 's13', 's23', 's33')" in fitted.err
    assert run("predict", "icu.memcell", "events.csv", *KNOWN, "--out", "pred.csv").code == 0
    table = pl.read_csv("pred.csv")
    assert table.columns == ["stay", "prediction", "prob_0", "prob_1"]
    assert table.height == 40
    scored = run("evaluate", "icu.memcell", "events.csv", *KNOWN, "--targets", "outcomes.csv")
    assert scored.code == 0, scored.err
    shown = run("show", "icu.memcell").out
    for part in ("channels in variable, values in value", "category, 2 words", "text, "):
        assert part in shown
    model = memcell.load("icu.memcell")
    assert model.recipe.schema.channels == ("HR", "Na", "note", "ward"), "'Na' is sodium, not missing"
    assert model.recipe.schema.facts == ("age", "sex")
    assert not Path("icu.memcell.partial").exists()


@pytest.mark.usefixtures("folder")
def test_rows_of_the_table_in_any_order(run: Run) -> None:
    assert run("fit", "events.csv", *FIT, "--target", "died", "--task", "classify", "--out", "m").code == 0
    pl.read_csv("events.csv", infer_schema=False).sample(fraction=1, shuffle=True, seed=1).write_csv("shuffled.csv")
    for table in ("events", "shuffled"):
        assert run("predict", "m", f"{table}.csv", *KNOWN, "--out", f"{table}_p.csv").code == 0
    one, other = (pl.read_csv(f"{table}_p.csv").sort("stay") for table in ("events", "shuffled"))
    assert one.equals(other)


@pytest.mark.usefixtures("folder")
def test_numbers_and_several_labels(run: Run) -> None:
    assert run("fit", "events.csv", *FIT, "--target", "los", "--task", "regress", "--out", "los").code == 0
    assert run("predict", "los", "events.csv", *KNOWN, "--out", "los.csv").code == 0
    assert pl.read_csv("los.csv").columns == ["stay", "prediction", "q0.1", "q0.5", "q0.9"]
    assert "coverage" in run("evaluate", "los", "events.csv", *KNOWN, "--targets", "outcomes.csv").out
    both = ("--target", "died", "--target", "icu", "--task", "classify")
    assert run("fit", "events.csv", *FIT, *both, "--out", "both").code == 0
    assert run("predict", "both", "events.csv", *KNOWN, "--out", "both.csv").code == 0
    assert pl.read_csv("both.csv").columns == ["stay", "prob_died", "prob_icu"]
    assert "macro_f1" in run("evaluate", "both", "events.csv", *KNOWN, "--targets", "outcomes.csv").out
    outcomes = pl.read_csv("outcomes.csv")
    outcomes.with_columns(icu=pl.when(stay="s7").then(3).otherwise("icu")).write_csv("outcomes.csv")
    refused = run("evaluate", "both", "events.csv", *KNOWN, "--targets", "outcomes.csv")
    assert refused.code == 2
    assert "Label 'icu' of series 's7' is 3" in refused.err


@pytest.mark.usefixtures("folder")
def test_tags_of_rows(run: Run) -> None:
    rng = np.random.default_rng(0)
    rows = [(k, t, float(x), "up" if x > 0 else "down") for k in range(8) for t, x in enumerate(rng.normal(size=9))]
    pl.DataFrame(rows, ["trial", "t", "x", "move"], orient="row").write_csv("moves.csv")
    options = ("--id", "trial", "--time", "t", "--target", "move", "--task", "tag", "--look-ahead", *QUICK)
    assert run("fit", "moves.csv", *options, "--out", "tags").code == 0
    assert run("predict", "tags", "moves.csv", "--out", "tags.csv").code == 0
    table = pl.read_csv("tags.csv")
    assert table.columns == ["trial", "t", "prediction", "prob_down", "prob_up"]
    assert table.height == 72
    assert "macro_f1" in run("evaluate", "tags", "moves.csv").out


@pytest.mark.usefixtures("folder")
def test_an_unknown_category_is_counted(run: Run) -> None:
    assert run("fit", "events.csv", *FIT, "--target", "died", "--task", "classify", "--out", "m").code == 0
    text = Path("events.csv").read_text()
    count = sum(line.endswith(",icu") for line in set(text.splitlines()))  # equal values of one time count once
    Path("other.csv").write_text(text.replace(",icu\n", ",moon\n") + "s1,3.0,Mood,7\n")
    ended = run("predict", "m", "other.csv", *KNOWN, "--out", "p.csv")
    assert ended.code == 0
    assert (
        f"'ward' has {count} values that training did not know or met in one series only, such as 'moon'" in ended.err
    )
    assert "the model does not know them: 'Mood'" in ended.err


def doubled(path: Path) -> None:
    path.write_text(path.read_text() + "s1,0,9.9,0,1.0\n")


def elsewhere(path: Path) -> None:
    path.write_text(path.read_text().replace("\ns", "\nstay-"))


def without_sodium(path: Path) -> None:
    path.write_text(path.read_text().replace(",Na,", ",,"))


def high(path: Path) -> None:
    path.write_text(path.read_text() + "s1,1.5,HR,high\n")


@pytest.mark.parametrize(
    ("table", "damage", "parts"),
    [
        ("outcomes.csv", doubled, ["Label column 'died'", "on two rows of series 's1'"]),
        ("outcomes.csv", elsewhere, ["No id of outcomes.csv", "'stay-0'", "'s0'", "Write them alike"]),
        ("events.csv", without_sodium, ["Channel column 'variable' is empty", "line"]),
        ("events.csv", high, ["holds numbers", "'high'", "--category"]),
    ],
)
def test_bad_tables(run: Run, folder: Path, table: str, damage: Callable[[Path], None], parts: list[str]) -> None:
    damage(folder / table)
    ended = run("fit", "events.csv", *FIT, "--target", "died", "--task", "classify", "--out", "m")
    assert ended.code == 2
    for part in parts:
        assert part in " ".join(ended.err.split())
    assert not Path("m").exists()


def test_bad_events_and_facts_to_predict(run: Run, folder: Path) -> None:
    assert run("fit", "events.csv", *FIT, "--target", "died", "--task", "classify", "--out", "m").code == 0
    for command, part in (
        (("predict", "m", "events.csv", "--out", "p.csv"), "If 'age', 'sex', 'patient' stand in another table"),
        (("evaluate", "m", "events.csv", *KNOWN), "If 'died' stand in another table, give it as `targets`"),
    ):
        ended = run(*command)
        assert ended.code == 2
        assert part in ended.err
    for name, line, part in (
        ("static.csv", "s1,99,f,p0\n", "Fact column 'age' is"),
        ("events.csv", "s1,1.5,HR,high\n", "'HR' holds numbers"),
    ):
        whole = (folder / name).read_text()
        (folder / name).write_text(whole + line)
        ended = run("predict", "m", "events.csv", *KNOWN, "--out", "p.csv")
        (folder / name).write_text(whole)
        assert ended.code == 2
        assert part in ended.err
        for advice in ("--category", "--ignore", "as a channel"):
            assert advice not in ended.err


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (("--task", "classify", "--target", "dead"), "No column 'dead' in outcomes.csv"),
        (("--task", "tag", "--target", "died"), "--targets is for --task classify or regress"),
        (("--task", "classify", "--target", "died", "--class-weight", "even"), "must be 'balanced'"),
        (("--task", "regress", "--target", "los", "--look-ahead"), "--look-ahead is for --task tag"),
        (("--task", "classify", "--target", "died", "--without", "magic"), "--without is ('magic',)"),
        (("--task", "classify", "--target", "died", "--cycles", "daily"), "--cycles is ['daily']"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_bad_options(run: Run, options: tuple[str, ...], part: str) -> None:
    ended = run("fit", "events.csv", *FIT, *options, "--out", "m")
    assert ended.code == 2
    assert part in " ".join(ended.err.split())


@pytest.mark.usefixtures("folder")
def test_a_killed_fit_goes_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from memcell.training import Checkpoint

    command = ("fit", "events.csv", *FIT, "--target", "died", "--task", "classify")
    assert run(*command, "--out", "whole").code == 0
    keep = Checkpoint.keep

    def killed(self: Checkpoint, *arguments: object) -> None:
        keep(self, *arguments)  # type: ignore[arg-type]
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "keep", killed)
        assert run(*command, "--out", "m").code == 1
    assert Path("m.partial").exists()
    changed = run(*command, "--seed", "1", "--out", "m", "--resume")
    assert changed.code == 2
    assert "`resume=False` (on the command line, without `--resume`)" in changed.err
    assert run(*command, "--out", "m", "--resume").code == 0
    assert not Path("m.partial").exists()
    one, other = memcell.load("m"), memcell.load("whole")
    assert one.record == other.record
    for name, weight in one.members[0].items():
        np.testing.assert_array_equal(weight, other.members[0][name])


@pytest.mark.usefixtures("folder")
def test_a_column_that_gives_the_target_away_is_reported(run: Run) -> None:
    events = pl.read_csv("events.csv", infer_schema=False)
    stays = [f"s{k}" for k in range(40) if k % 2 and k % 10 != 3]
    leak = pl.DataFrame([(stay, "1.0", "Autopsy", "1") for stay in stays], events.columns, orient="row")
    keep = pl.col("stay").is_in([f"s{k}" for k in range(40) if k % 10 != 3])
    pl.concat([events.filter(keep), leak]).write_csv("events.csv")
    ended = run("fit", "events.csv", *FIT, "--target", "died", "--task", "classify", "--out", "m")
    assert ended.code == 0
    assert "'Autopsy' may give the target away" in ended.err
