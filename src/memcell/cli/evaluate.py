"""``memcell evaluate``: how good a model is on a table with known outcomes."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from memcell.cli.roles import StaticOption, TargetsOption
from memcell.cli.tables import OnDuplicates, note, read_for
from memcell.contract import InputError
from memcell.heads import Regression
from memcell.model import load

__all__ = ["evaluate"]


def evaluate(
    model: Annotated[Path, Argument(help="Model that `memcell fit` wrote.")],
    table: Annotated[Path, Argument(help="Table with channels and target.")],
    static: StaticOption = None,
    targets: TargetsOption = None,
    origins: Annotated[
        int | None, Option(min=1, help="Forecasts to score a series. Default: those that start in its last tenth.")
    ] = None,
    duplicates: Annotated[
        OnDuplicates, Option(help="Rows with one id and time but different values.")
    ] = OnDuplicates.error,
) -> None:
    """Score a model: by the targets of the table, or a forecaster by forecasts of the table's last part."""
    from memcell.evaluation import (
        evaluate_forecaster,
        evaluate_model,
        score_text,
        share_trained_on,
    )  # loads scikit-learn

    trained = load(model)
    forecasts = trained.task == "forecast"
    if origins is not None and not forecasts:
        raise InputError(f"--origins is for forecasts; this model's task is to {trained.task}. Leave it out.")
    series = read_for(trained, table, duplicates, with_labels=not forecasts, static=static, targets=targets)
    series = trained.series_of(series)
    if share := share_trained_on(trained, series):
        note(f"{100 * share:.0f} % of the series are among those the model was trained on: scores flatter it.")
    head = trained.config.head
    if isinstance(head, Regression) and len(head.names) > 1:
        units = ", ".join(f"{name} {scale:.4g}" for name, scale in zip(head.names, head.scale, strict=True))
        note(f"rmse, mae and pinball are means over the targets, each in units of its spread in training: {units}.")
    score: Any = evaluate_forecaster(trained, series, origins) if forecasts else evaluate_model(trained, series)
    for name, value in asdict(score).items():
        print(f"{name:18} {score_text(value)}")
