"""``memcell predict``: a table of predictions from a model and a table."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from typer import Argument, Option

from memcell.cli.roles import StaticOption
from memcell.cli.tables import OnDuplicates, check_apart, note, read_for, result_columns
from memcell.data import Series, check_output
from memcell.data.dates import times_in_table
from memcell.model import Model, load
from memcell.tables import write_table

__all__ = ["predict"]


_SHOWN = 20  # ids that a note names


def predict(
    model: Annotated[Path, Argument(help="Model that `memcell fit` wrote.")],
    table: Annotated[Path, Argument(help="Table with the channels the model was trained on.")],
    out: Annotated[Path, Option(help="Table to write: .csv or .parquet.")],
    static: StaticOption = None,
    duplicates: Annotated[
        OnDuplicates, Option(help="Rows of a wide table with one id and time but different values.")
    ] = OnDuplicates.error,
    overwrite: Annotated[bool, Option("--overwrite", help="Replace the table if it exists.")] = False,
) -> None:
    """Predict each series of a table, or each row where the model tags rows."""
    check_output(out, overwrite)
    check_apart(out, model, table, *([] if static is None else [static]))
    trained = load(model)
    head = trained.config.head
    classes = None if trained.task in ("regress", "forecast") else trained.classes
    names = result_columns(trained.recipe.schema, trained.task, getattr(head, "names", ()), classes)
    series = read_for(trained, table, duplicates, static=static)
    series = _that_can_start(trained, series) if trained.task == "forecast" else series
    columns = _COLUMNS[trained.task](trained, series)
    if trained.recipe.schema.id is None:
        columns = columns[1:]
    write_table(out, dict(zip(names, columns, strict=True)), overwrite)
    print(f"Predictions of {len(series)} series: {out}")


def _that_can_start(model: Model, series: list[Series]) -> list[Series]:
    """The series that a forecast can be made of, if there are any; a note tells which have none."""
    silent = [one.id for one in series if not model.can_start(one)]
    if not silent or len(silent) == len(series):
        return series
    more = ", ..." if len(silent) > _SHOWN else ""
    note(f"Without a forecast, for they have no value of the target: {', '.join(map(repr, silent[:_SHOWN]))}{more}.")
    return [one for one in series if model.can_start(one)]


def _labels(model: Model, series: list[Series]) -> list[Any]:
    probabilities = model.predict_proba(series)
    best = [model.classes[k] for k in probabilities.argmax(axis=1)]
    return [[one.id for one in series], best, *probabilities.T]


def _several(model: Model, series: list[Series]) -> list[Any]:
    return [[one.id for one in series], *model.predict_proba(series).T]


def _numbers(model: Model, series: list[Series]) -> list[Any]:
    numbers = model.numbers(series)[:, :, [3, 0, 1, 2]]  # the mean, then the quantiles
    return [[one.id for one in series], *numbers.reshape(len(series), -1).T]


def _tags(model: Model, series: list[Series]) -> list[Any]:
    probabilities = model.predict_proba(series)
    ids = [one.id for one, rows in zip(series, probabilities, strict=True) for _ in rows]
    times = np.concatenate([np.empty(0), *(one.times for one in series)])
    every = np.concatenate([np.empty((0, len(model.classes))), *probabilities])
    best = [model.classes[k] for k in every.argmax(axis=1)]
    return [ids, _times(model, series, times), best, *every.T]


def _forecasts(model: Model, series: list[Series]) -> list[Any]:
    forecasts = model.predict(series)
    ids = [one.id for one, forecast in zip(series, forecasts, strict=True) for _ in forecast.times]
    times = np.concatenate([forecast.times for forecast in forecasts])
    quantiles = np.concatenate([forecast.quantiles for forecast in forecasts])
    return [ids, _times(model, series, times), *quantiles.T]


def _times(model: Model, series: list[Series], times: NDArray[np.float64]) -> Any:
    """Times as the table has them that the series were read from."""
    schema = series[0].schema or model.recipe.schema
    return times_in_table(times, schema.time_kind, schema.date_only, schema.time_form)


_COLUMNS = {"classify": _labels, "multilabel": _several, "regress": _numbers, "tag": _tags, "forecast": _forecasts}
