"""``memcell report``: one page on a model and how it does on a table."""

import re
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from memcell.cli.roles import StaticOption, TargetsOption
from memcell.cli.tables import OnDuplicates, check_apart, note, read_for
from memcell.contract import InputError
from memcell.data import Series, check_output
from memcell.model import Model, load

__all__ = ["report"]


def report(
    model: Annotated[Path, Argument(help="Model that `memcell fit` wrote.")],
    table: Annotated[Path, Argument(help="Table with channels, and the target if it is known.")],
    out: Annotated[Path, Option(help="Page to write: .html.")],
    static: StaticOption = None,
    targets: TargetsOption = None,
    train: Annotated[
        Path | None, Option("--train", help="Table the model was trained on, for ordinary learners to compare it with.")
    ] = None,
    train_static: Annotated[Path | None, Option("--train-static", help="Static facts of --train.")] = None,
    train_targets: Annotated[Path | None, Option("--train-targets", help="Targets of --train.")] = None,
    duplicates: Annotated[
        OnDuplicates, Option(help="Rows of a wide table with one id and time but different values.")
    ] = OnDuplicates.error,
    overwrite: Annotated[bool, Option("--overwrite", help="Replace the page if it exists.")] = False,
) -> None:
    """Write a page on a model: scores beside simpler rivals, what is missing, what matters, a few series."""
    check_output(out, overwrite, suffixes=(".html",))
    given = (model, table, static, targets, train, train_static, train_targets)
    check_apart(out, *(path for path in given if path is not None))
    _check_train(table, train, train_static, train_targets)
    trained = load(model)
    if train is not None and trained.task == "forecast":
        raise InputError("--train is for models of labels, numbers or tags; this one forecasts. Leave it out.")
    series = _read(trained, table, duplicates, static, targets)
    training = None
    if train is not None:
        training = _read_training(trained, train, duplicates, train_static, train_targets)
    from memcell.report import write_report  # loads scikit-learn

    write_report(
        trained, series, out, training=training, name=model.name, source=table.name, overwrite=overwrite
    )  # fmt: skip
    print(f"Report on {len(series)} series: {out}")


def _check_train(table: Path, train: Path | None, train_static: Path | None, train_targets: Path | None) -> None:
    if train is None:
        for option, path in (("--train-static", train_static), ("--train-targets", train_targets)):
            if path is not None:
                raise InputError(f"{option} goes with --train, which is missing. Give both or neither.")
    elif train.exists() and table.exists() and train.samefile(table):
        raise InputError(
            f"--train is {table} itself: rivals would be scored on what they learnt from. Give another table."
        )


def _read(
    model: Model, table: Path, duplicates: OnDuplicates, static: Path | None, targets: Path | None
) -> list[Series]:
    """The series, with their targets if the table has them."""
    if model.task == "forecast":
        return read_for(model, table, duplicates, static=static, targets=targets)
    lacking = [] if targets is not None else _lacking(model, table)
    if lacking is None:
        note("The model was trained without a target column, so nothing is scored.")
    elif lacking:
        note(f"{table} has no values of {', '.join(map(repr, lacking))}, so nothing is scored.")
    return read_for(model, table, duplicates, with_labels=lacking == [], static=static, targets=targets)


def _read_training(
    model: Model, train: Path, duplicates: OnDuplicates, static: Path | None, targets: Path | None
) -> list[Series]:
    """The series that rivals learn from; what is said of them names the options that are theirs."""
    try:
        return read_for(model, train, duplicates, with_labels=True, static=static, targets=targets)
    except InputError as error:
        raise InputError(re.sub(r"`(static|targets)` \(`--\1`\)", r"`--train-\1`", str(error))) from error


def _lacking(model: Model, table: Path) -> list[str] | None:
    """The target columns that a table lacks or leaves blank throughout; None where there is no target column."""
    from memcell.tables.columns import cleaned, is_text
    from memcell.tables.source import open_table

    schema = model.recipe.schema
    wanted = [*schema.label, *([] if schema.tag is None else [schema.tag])]
    if not wanted:
        return None
    frame = open_table(table).frame
    return [
        name for name in wanted
        if name not in frame.columns or (cleaned(frame[name]) if is_text(frame[name]) else frame[name]).is_null().all()
    ]  # fmt: skip
