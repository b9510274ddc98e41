"""``memcell predict``: a table of predictions from a model and a table."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from typer import Argument, Option

from memcell.cli.tables import OnDuplicates, read_for
from memcell.data import Series, check_output, format_times, write_table
from memcell.heads import QUANTILES
from memcell.model import Model, load

__all__ = ["predict"]


def predict(
    model: Annotated[Path, Argument(help="Model that `memcell fit` wrote.")],
    table: Annotated[Path, Argument(help="Table with the channels the model was trained on.")],
    out: Annotated[Path, Option(help="Table to write: .csv or .parquet.")],
    duplicates: Annotated[
        OnDuplicates, Option(help="Rows with one id and time but different values.")
    ] = OnDuplicates.error,
    overwrite: Annotated[bool, Option("--overwrite", help="Replace the table if it exists.")] = False,
) -> None:
    """Predict each series of a table."""
    check_output(out, overwrite)
    trained = load(model)
    series = read_for(trained, table, duplicates)
    columns = _labels(trained, series) if trained.task == "classify" else _forecasts(trained, series)
    write_table(out, columns, overwrite)
    print(f"Predictions of {len(series)} series: {out}")


def _ids(model: Model, ids: list[Any]) -> dict[str, Any]:
    return {} if model.recipe.schema.id is None else {model.recipe.schema.id: ids}


def _labels(model: Model, series: list[Series]) -> dict[str, Any]:
    probabilities = model.predict_proba(series)
    columns = _ids(model, [one.id for one in series])
    columns["prediction"] = [model.classes[k] for k in probabilities.argmax(axis=1)]
    return columns | {f"prob_{label}": probabilities[:, k] for k, label in enumerate(model.classes)}


def _forecasts(model: Model, series: list[Series]) -> dict[str, Any]:
    schema = model.recipe.schema
    forecasts = model.predict(series)
    columns = _ids(model, [one.id for one, forecast in zip(series, forecasts, strict=True) for _ in forecast.times])
    times = np.concatenate([forecast.times for forecast in forecasts])
    columns[schema.time or "time"] = format_times(times, schema.time_kind, schema.date_only)
    quantiles = np.concatenate([forecast.quantiles for forecast in forecasts])
    return columns | {f"q{level}": quantiles[:, k] for k, level in enumerate(QUANTILES)}
