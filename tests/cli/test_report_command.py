"""``memcell report``: what it reads, what it writes, and what it says where it cannot."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cli.conftest import Run
from cli.tables import CLASSIFY, QUICK, stays, write
from report.pages import SECTIONS, Page

pytestmark = pytest.mark.usefixtures("folder")


def page(path: str = "report.html") -> Page:
    return Page.of(Path(path).read_text(encoding="utf-8"))


def test_a_page_has_the_scores_that_evaluate_prints(run: Run) -> None:
    for name, series in (("stays", 12), ("co2", 1)):
        done = run("report", f"{name}.memcell", f"{name}.csv", "--out", f"{name}.html")
        assert done.code == 0
        assert f"Report on {series} series: {name}.html" in done.out
        found = page(f"{name}.html")
        assert found.sections == SECTIONS
        assert f"{name}.memcell" in found.text
        for line in run("evaluate", f"{name}.memcell", f"{name}.csv").out.splitlines():
            score, value = line.split()
            assert found.row(score.replace("_", " "))[0] == ("\u2013" if value == "nan" else value)


def test_the_training_table_itself_is_noticed(run: Run) -> None:
    assert run("report", "stays.memcell", "stays.csv", "--out", "report.html").code == 0
    assert "100 % of the series are among those it was trained on: scores flatter it." in page().text


@pytest.mark.parametrize("change", [
    lambda text: text.replace(",died", ",dead"),
    lambda text: text.replace("yes", "").replace("no", ""),
], ids=["no-column", "blank-column"])  # fmt: skip
def test_a_table_without_targets(run: Run, change: Callable[[str], str]) -> None:
    write("t.csv", change(stays()))
    done = run("report", "stays.memcell", "t.csv", "--out", "report.html")
    assert done.code == 0
    assert "'died'" in done.err
    assert page().sections == SECTIONS
    assert "carry no targets" in page().text


def test_series_without_a_target_are_left_out_of_the_scores(run: Run) -> None:
    write("t.csv", stays().replace("yes", ""))
    done = run("report", "stays.memcell", "t.csv", "--out", "report.html")
    assert done.code == 0
    assert "Series without any target, left out: 6" in done.err
    assert "Report on 6 series" in done.out


def test_rivals_come_with_a_training_table(run: Run) -> None:
    write("other.csv", stays(30, seed=3))
    assert run("report", "stays.memcell", "stays.csv", "--train", "other.csv", "--out", "report.html").code == 0
    assert float(page().row("accuracy")[2]) == 1.0  # the channel is about 0 or 3
    assert "logistic regression" in page().text


def test_targets_and_facts_in_tables_of_their_own(run: Run) -> None:
    write("rows.csv", "".join(line.rpartition(",")[0] + "\n" for line in stays(20).splitlines()))
    write("people.csv", "stay,age\n" + "".join(f"{k},{50 + k}\n" for k in range(20)))
    write("ends.csv", "stay,died\n" + "".join(f"{k},{('no', 'yes')[k % 2]}\n" for k in range(20)))
    tables = ("--static", "people.csv", "--targets", "ends.csv")
    assert run("fit", "rows.csv", *CLASSIFY, *QUICK, *tables, "--out", "m").code == 0
    write("more.csv", Path("rows.csv").read_text())
    rivals = ("--train", "more.csv", "--train-static", "people.csv", "--train-targets", "ends.csv")
    assert run("report", "m", "rows.csv", *tables, *rivals, "--out", "report.html").code == 0
    assert "age" in page().text
    assert len(page().row("accuracy")) == 4
    refused = run("report", "m", "rows.csv", *tables, *rivals[:-2], "--out", "other.html")
    assert refused.code == 2
    assert "If 'died' stand in another table, give it as `--train-targets`." in refused.err
    assert run("report", "m", "rows.csv", "--static", "people.csv", "--out", "other.html").code == 0
    assert "carry no targets" in page("other.html").text


@pytest.mark.parametrize(("arguments", "message"), [
    (("stays.memcell", "stays.csv", "--out", "report.txt"), "must end in .html"),
    (("stays.memcell", "stays.csv", "--out", "no/report.html"), "no folder"),
    (("none.memcell", "stays.csv", "--out", "report.html"), "no file none.memcell"),
    (("stays.csv", "stays.csv", "--out", "report.html"), "no memcell model"),
    (("stays.memcell", "none.csv", "--out", "report.html"), "none.csv does not exist"),
    (("stays.memcell", "co2.csv", "--out", "report.html"), "which the model was trained with"),
    (("stays.memcell", "stays.csv", "--out", "report.html", "--train", "stays.csv"), "Give another table"),
    (("stays.memcell", "stays.csv", "--out", "report.html", "--train", "none.csv"), "none.csv does not exist"),
    (("stays.memcell", "stays.csv", "--out", "report.html", "--train-static", "x.csv"), "goes with --train"),
    (("co2.memcell", "co2.csv", "--out", "report.html", "--train", "stays.csv"), "Leave it out"),
    (("stays.memcell", "bad-classes.csv", "--out", "report.html"), "none of the model's classes"),
    (("stays.memcell", "stays.csv", "--out", "report.html", "--train", "bad-classes.csv"), "does not know"),
])  # fmt: skip
def test_what_cannot_be_done(run: Run, untouched: Callable[[], None], arguments: tuple[str, ...], message: str) -> None:
    write("bad-classes.csv", stays().replace("yes", "maybe"))
    ended = run("report", *arguments)
    assert ended.code == 2
    assert message in ended.err
    untouched()


def test_overwrite_replaces_and_nothing_else_does(run: Run) -> None:
    write("out.html", "precious")
    refused = run("report", "stays.memcell", "stays.csv", "--out", "out.html")
    assert refused.code == 2
    assert "--overwrite" in refused.err
    assert Path("out.html").read_text() == "precious"
    assert run("report", "stays.memcell", "stays.csv", "--out", "out.html", "--overwrite").code == 0
    assert page("out.html").sections == SECTIONS
