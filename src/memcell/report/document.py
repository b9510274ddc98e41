"""The report as one file."""

import os
import warnings
from pathlib import Path

from memcell.contract import DataWarning, InputError
from memcell.data import Series, check_output, replacing
from memcell.model import Model
from memcell.report.about import head, learning
from memcell.report.drawings import examples, influence, presence
from memcell.report.outcomes import outcomes
from memcell.report.page import page
from memcell.report.scores import scores

__all__ = ["report_on", "write_report"]


def write_report(
    model: Model,
    series: list[Series],
    path: str | os.PathLike[str],
    *,
    training: list[Series] | None = None,
    name: str = "",
    source: str = "",
    overwrite: bool = False,
) -> None:
    """Nothing; afterwards ``path`` holds a page on how good a model is on some series, and why.

    Args:
        model: to report on.
        series: with targets, or without; then nothing is scored and the rest is there all the same.
        path: a file that ends in .html.
        training: series with targets, other ones, from which ordinary learners learn what they are compared by; None:
            there are none. A forecaster has none.
        name: what the page calls the model.
        source: what it calls the series.
        overwrite: whether a file that is there may be replaced.

    Raises:
        InputError: a path that cannot be written or is taken, series that the model cannot read, or targets it does
            not know.
        OutputError: writing failed, for lack of space for instance.

    Example:
        >>> write_report(memcell.load("icu.memcell"), series, "report.html")               # doctest: +SKIP
    """
    check_output(Path(path), overwrite, suffixes=(".html",))
    text = report_on(model, series, training=training, name=name, source=source)
    with replacing(Path(path)) as aside:
        aside.write_text(text, encoding="utf-8")


def report_on(
    model: Model, series: list[Series], *, training: list[Series] | None = None, name: str = "", source: str = ""
) -> str:
    """The page's text; arguments and errors as of ``write_report``."""
    if not series:
        raise InputError("There are no series to report on.")
    if training is not None and model.task == "forecast":
        raise InputError("A forecaster has no rivals that learn from a table. Leave out `training`.")
    series = model.series_of(series)
    training = None if training is None else model.series_of(training)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # what there is to know has been told
        sections = [
            learning(model),
            scores(model, series, training),
            outcomes(model, series),
            presence(model, series),
            influence(model, series),
            examples(model, series),
        ]
    return page(f"Report on {name or 'a model'}", head(model, series, source), sections)
