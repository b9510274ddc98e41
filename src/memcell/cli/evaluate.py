"""``memcell evaluate``: how good a model is on a table with known outcomes."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from memcell.cli.tables import OnDuplicates, read_for
from memcell.model import load

__all__ = ["evaluate"]


def evaluate(
    model: Annotated[Path, Argument(help="Model that `memcell fit` wrote.")],
    table: Annotated[Path, Argument(help="Table with channels and target.")],
    origins: Annotated[
        int | None, Option(min=1, help="Forecasts to score a series. Default: those that start in its last tenth.")
    ] = None,
    duplicates: Annotated[
        OnDuplicates, Option(help="Rows with one id and time but different values.")
    ] = OnDuplicates.error,
) -> None:
    """Score a model: a classifier by its labels, a forecaster by forecasts of the table's last part."""
    from memcell.evaluation import evaluate_classifier, evaluate_forecaster  # loads scikit-learn

    trained = load(model)
    classifies = trained.task == "classify"
    series = read_for(trained, table, duplicates, with_labels=classifies)
    score: Any = evaluate_classifier(trained, series) if classifies else evaluate_forecaster(trained, series, origins)
    for name, value in asdict(score).items():
        print(f"{name:18} {value if isinstance(value, int) else format(value, '.4f')}")
