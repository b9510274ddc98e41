"""``memcell fit``: a model from a table."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, cast

from typer import Argument, Option

from memcell.cli.roles import (
    CategoryOption,
    ChannelOption,
    ChannelsOption,
    FactOption,
    GroupOption,
    IdOption,
    IgnoreOption,
    NumberOption,
    StaticOption,
    TargetsOption,
    TextOption,
    TimeOption,
    ValueOption,
    WeightOption,
    check_kinds,
    check_once,
    kinds_of,
)
from memcell.cli.tables import OnDuplicates, check_apart, note, result_columns
from memcell.contract import InputError
from memcell.contract.errors import closest
from memcell.data import Series, check_output
from memcell.tables import TableContents, read_table

__all__ = ["fit"]


class Task(StrEnum):
    """What is learnt."""

    classify = "classify"
    regress = "regress"
    tag = "tag"
    forecast = "forecast"


class PeepholeOption(StrEnum):
    """What the gates see of the cell."""

    full = "full"
    diagonal = "diagonal"
    none = "none"


def fit(
    table: Annotated[
        Path, Argument(help="Table to learn from: .csv, .tsv or .parquet; a row a time or an observation.")
    ],
    task: Annotated[
        Task,
        Option(
            help="classify: a label a series. regress: a number a series. tag: a label a row. forecast: steps to come."
        ),
    ],
    target: Annotated[list[str], Option(help="Column to predict; repeat for several labels or numbers.")],
    out: Annotated[Path, Option(help="File to write the model to.")],
    id: IdOption = None,
    time: TimeOption = None,
    channel: ChannelOption = None,
    value: ValueOption = None,
    targets: TargetsOption = None,
    static: StaticOption = None,
    fact: FactOption = None,
    group: GroupOption = None,
    weight: WeightOption = None,
    horizon: Annotated[int | None, Option(min=1, help="Steps to forecast.")] = None,
    channels: ChannelsOption = None,
    ignore: IgnoreOption = None,
    category: CategoryOption = None,
    text: TextOption = None,
    number: NumberOption = None,
    duplicates: Annotated[
        OnDuplicates, Option(help="Rows of a wide table with one id and time but different values.")
    ] = OnDuplicates.error,
    overwrite: Annotated[bool, Option("--overwrite", help="Replace the model file if it exists.")] = False,
    resume: Annotated[bool, Option("--resume", help="Go on with a run of the same command that was killed.")] = False,
    seed: Annotated[int, Option(min=0, help="Seed of every random draw.")] = 0,
    epochs: Annotated[int | None, Option(min=1, help="Epochs at most; training stops early by itself.")] = None,
    hidden_size: Annotated[int | None, Option(min=1, help="Units of each layer.")] = None,
    num_layers: Annotated[int, Option(min=1, help="Layers.")] = 1,
    members: Annotated[int | None, Option(min=1, help="Networks whose predictions are averaged.")] = None,
    batch_size: Annotated[int | None, Option(min=1, help="Series a training step.")] = None,
    learning_rate: Annotated[float | None, Option(min=0, help="Learning rate at its peak.")] = None,
    peephole: Annotated[PeepholeOption, Option(help="What the gates see of the cell.")] = PeepholeOption.full,
    class_weight: Annotated[str | None, Option(help="'balanced': rare classes count as much as frequent ones.")] = None,
    look_ahead: Annotated[bool, Option("--look-ahead", help="Tags may depend on later rows.")] = False,
    cycles: Annotated[
        list[str] | None, Option(help="Period whose phase counts, in the unit of time; 'calendar' or 'detect'. Repeat.")
    ] = None,
    without: Annotated[list[str] | None, Option(help="Mechanism to leave out, such as state_decay; repeat.")] = None,
    quiet: Annotated[bool, Option("--quiet", help="No progress bar.")] = False,
) -> None:
    """Train on a table and write a model. Ctrl-C keeps the best model so far."""
    _check_task(
        task, target, horizon, id, class_weight, look_ahead, members, weight is not None, group is not None,
        targets is not None,
    )  # fmt: skip
    for option, names in (("--target", target), ("--channels", channels), ("--fact", fact), ("--ignore", ignore)):
        check_once(option, names)
    kinds = kinds_of(category, text, number)
    if channel is None:  # the kinds of a long table are of entries, not of columns
        check_kinds(kinds, {"--id": id, "--time": time, "--group": group, "--weight": weight, "--ignore": ignore})
    check_output(out, overwrite, suffixes=None)
    inputs = [table, *(path for path in (static, targets) if path is not None)]
    partial = out.with_name(f"{out.name}.partial")
    check_apart(out, *inputs)
    check_apart(partial, *inputs)
    role: dict[str, Any] = {"forecast": {}, "tag": {"tag": target[0]}}.get(task.value, {"label": target})
    contents = read_table(
        table, static=static, targets=targets, duplicates=duplicates.value, id=id, time=time, channel=channel,
        value=value, channels=_with_target(channels, target[0]) if task is Task.forecast else channels,
        facts=fact or (), group=group, weight=weight, ignore=ignore or (), kinds=kinds,
        **role,
    )  # fmt: skip
    for message in contents.warnings:
        note(message)
    _check_results(task, target, contents)
    if task is Task.tag and contents.schema.id is None:
        raise _without_id(task)
    if cycles == ["calendar"] and contents.schema.time_kind != "date":
        times = "numbers" if contents.schema.time else "the order of its rows"
        raise InputError(f"--cycles calendar needs dates; the times are {times}. Give periods in them, or 'detect'.")
    estimator = _estimator(task, target, horizon)
    given = {
        "epochs": epochs, "hidden_size": hidden_size, "members": members, "batch_size": batch_size,
        "learning_rate": learning_rate, "class_weight": class_weight, "bidirectional": look_ahead or None,
        "cycles": _cycles(cycles), "without": tuple(without or ()) or None,
    }  # fmt: skip
    estimator.set_params(
        num_layers=num_layers, seed=seed, peephole=peephole.value, progress=not quiet,
        checkpoint=partial, resume=resume, **{name: one for name, one in given.items() if one is not None},
    )  # fmt: skip
    if resume and not partial.exists():
        note(f"There is no unfinished run {partial}; beginning anew.")
    estimator.fit(_in_order(contents))
    estimator.save(out, overwrite)
    record = estimator.model_.record
    if not record["interrupted"]:
        partial.unlink(missing_ok=True)
    print(
        f"Trained on {record['series']} series, {record['rows']} rows: validation loss "
        f"{record['validation_loss']:.4f} after {record['steps']} steps."
    )
    if record["interrupted"] and partial.exists():
        note(f"{partial} holds the unfinished run: the same command with --resume --overwrite goes on with it.")
    print(f"Model: {out}")


def _check_task(
    task: Task, target: list[str], horizon: int | None, id: str | None, class_weight: str | None, look_ahead: bool,
    members: int | None, weighted: bool, grouped: bool, targeted: bool,
) -> None:  # fmt: skip
    if task is Task.forecast and horizon is None:
        raise InputError("--horizon is missing: say how many steps to forecast.")
    if task is not Task.forecast and horizon is not None:
        raise InputError(f"--horizon is for --task forecast, not for --task {task.value}. Leave it out.")
    if task in (Task.classify, Task.regress) and id is None:
        raise _without_id(task)
    if len(target) > 1 and task in (Task.tag, Task.forecast):
        raise InputError(f"--task {task.value} has one --target; got {', '.join(target)}.")
    if len(target) > 1 and class_weight is not None:
        raise InputError("--class-weight is for one --target: with several, a series has no one class. Leave it out.")
    if class_weight not in (None, "balanced"):
        raise InputError(f"--class-weight is {class_weight!r}; it must be 'balanced', or left out.")
    for option, given, tasks in (
        ("--class-weight", class_weight is not None, (Task.classify, Task.tag)),
        ("--look-ahead", look_ahead, (Task.tag,)),
        ("--members", members is not None, (Task.classify, Task.regress, Task.tag)),
        ("--weight", weighted, (Task.classify, Task.regress, Task.tag)),
        ("--group", grouped, (Task.classify, Task.regress, Task.tag)),
        ("--targets", targeted, (Task.classify, Task.regress)),
    ):
        if given and task not in tasks:
            raise InputError(f"{option} is for --task {' or '.join(tasks)}, not for --task {task.value}. Leave it out.")


def _without_id(task: Task) -> InputError:
    return InputError(
        f"--id is missing: --task {task.value} learns from many series, and --id names the column that tells them "
        "apart."
    )


def _check_results(task: Task, target: list[str], contents: TableContents) -> None:
    """Whether the predictions' columns will have different names, and the target is there."""
    if task is Task.forecast:
        _check_target(contents.series, target[0])
    labels: set[Any] | None = None
    if task is Task.classify:
        labels = {one.label for one in contents.series} if len(target) == 1 else set(target)
    elif task is Task.tag:
        labels = {tag for one in contents.series for tag in (() if one.tags is None else one.tags) if tag is not None}
    result_columns(contents.schema, task.value, target, labels)


def _in_order(contents: TableContents) -> list[Series]:
    """The series by their ids: splits and draws follow their order, and that of a table's rows is chance."""
    if contents.schema.id is None:
        return contents.series
    return sorted(contents.series, key=lambda one: cast("Any", one.id))


def _estimator(task: Task, target: list[str], horizon: int | None) -> Any:
    from memcell.sklearn import (  # loads torch, which takes seconds
        SequenceClassifier,
        SequenceForecaster,
        SequenceRegressor,
        SequenceTagger,
    )

    if task is Task.forecast:
        return SequenceForecaster(horizon=cast("int", horizon), target=target[0])
    return {Task.classify: SequenceClassifier, Task.regress: SequenceRegressor, Task.tag: SequenceTagger}[task]()


def _cycles(given: list[str] | None) -> Any:
    if not given or given in (["calendar"], ["detect"]):
        return given[0] if given else None
    try:
        return tuple(float(period) for period in given)
    except ValueError as error:
        raise InputError(f"--cycles is {given}; give periods, or 'calendar', or 'detect'.") from error


def _with_target(channels: list[str] | None, target: str) -> list[str] | None:
    return channels if channels is None or target in channels else [target, *channels]


def _check_target(series: list[Series], target: str) -> None:
    channels = series[0].channels
    if target not in channels:
        raise InputError(
            f"--target {target!r} is no channel of the table, or has no value in it.{closest(target, channels)} "
            f"There are {', '.join(map(repr, channels))}."
        )
