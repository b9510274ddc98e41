"""``memcell fit``: a model from a table."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, cast

from typer import Argument, Option

from memcell.cli.tables import OnDuplicates, check_apart, note, result_columns
from memcell.contract import InputError
from memcell.contract.errors import closest
from memcell.data import Duplicates, Series, check_output, read_table

__all__ = ["fit"]


class Task(StrEnum):
    """What is learnt."""

    classify = "classify"
    forecast = "forecast"


class PeepholeOption(StrEnum):
    """What the gates see of the cell."""

    full = "full"
    diagonal = "diagonal"
    none = "none"


def fit(
    table: Annotated[Path, Argument(help="Table to learn from: .csv, .tsv or .parquet, one row a (series, time).")],
    task: Annotated[Task, Option(help="classify: a label a series. forecast: quantiles of the steps to come.")],
    target: Annotated[str, Option(help="Column to predict.")],
    out: Annotated[Path, Option(help="File to write the model to.")],
    id: Annotated[str | None, Option(help="Column that names the series; without it the table is one series.")] = None,
    time: Annotated[
        str | None, Option(help="Column of times, numbers or dates; without it, the order of rows.")
    ] = None,
    horizon: Annotated[int | None, Option(min=1, help="Steps to forecast.")] = None,
    channels: Annotated[
        list[str] | None, Option(help="Column to read as a channel; repeat. Default: all others.")
    ] = None,
    ignore: Annotated[list[str] | None, Option(help="Column to leave out; repeat.")] = None,
    duplicates: Annotated[
        OnDuplicates, Option(help="Rows with one id and time but different values.")
    ] = OnDuplicates.error,
    overwrite: Annotated[bool, Option("--overwrite", help="Replace the model file if it exists.")] = False,
    seed: Annotated[int, Option(min=0, help="Seed of every random draw.")] = 0,
    epochs: Annotated[int | None, Option(min=1, help="Epochs at most; training stops early by itself.")] = None,
    hidden_size: Annotated[int | None, Option(min=1, help="Units of each layer.")] = None,
    num_layers: Annotated[int, Option(min=1, help="Layers.")] = 1,
    batch_size: Annotated[int, Option(min=1, help="Series a training step.")] = 32,
    learning_rate: Annotated[float, Option(min=0, help="Learning rate at its peak.")] = 4e-3,
    peephole: Annotated[PeepholeOption, Option(help="What the gates see of the cell.")] = PeepholeOption.full,
    quiet: Annotated[bool, Option("--quiet", help="No progress bar.")] = False,
) -> None:
    """Train on a table and write a model. Ctrl-C keeps the best model so far."""
    if task is Task.forecast and horizon is None:
        raise InputError("--horizon is missing: say how many steps to forecast.")
    if task is Task.classify and horizon is not None:
        raise InputError("--horizon is for --task forecast; a classifier has none. Leave it out.")
    if task is Task.classify and id is None:
        raise InputError(
            "--id is missing: a classifier learns from many series, and --id names the column that tells them apart."
        )
    check_output(out, overwrite, suffixes=None)
    check_apart(out, table)
    contents = read_table(
        table,
        id=id,
        time=time,
        label=target if task is Task.classify else None,
        channels=_with_target(channels, target) if task is Task.forecast else channels,
        ignore=ignore or (),
        duplicates=cast("Duplicates", duplicates.value),
    )
    for message in contents.warnings:
        note(message)
    result_columns(contents.schema, {one.label for one in contents.series} if task is Task.classify else None)
    from memcell.sklearn import SequenceClassifier, SequenceForecaster  # loads torch, which takes seconds

    common: dict[str, Any] = {
        "num_layers": num_layers, "batch_size": batch_size, "learning_rate": learning_rate, "seed": seed,
        "peephole": peephole.value, "progress": not quiet,
    }  # fmt: skip
    common |= {name: value for name, value in (("epochs", epochs), ("hidden_size", hidden_size)) if value is not None}
    if task is Task.classify:
        estimator: Any = SequenceClassifier(**common).fit(contents.series)
    else:
        _check_target(contents.series, target)
        estimator = SequenceForecaster(horizon=cast("int", horizon), target=target, **common).fit(contents.series)
    estimator.save(out, overwrite)
    record = estimator.model_.record
    stopped = ", interrupted: the best so far is kept" if record["interrupted"] else ""
    print(
        f"Trained on {record['series']} series, {record['rows']} rows: validation loss "
        f"{record['validation_loss']:.4f} after {record['steps']} steps{stopped}."
    )
    print(f"Model: {out}")


def _with_target(channels: list[str] | None, target: str) -> list[str] | None:
    return None if channels is None or target in channels else [target, *channels]


def _check_target(series: list[Series], target: str) -> None:
    channels = series[0].channels
    if target not in channels:
        raise InputError(
            f"--target {target!r} is no channel of the table, or has no value in it.{closest(target, channels)} "
            f"There are {', '.join(map(repr, channels))}."
        )
