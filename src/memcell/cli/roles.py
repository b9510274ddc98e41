"""The options that say what columns mean, and the tables beside the main one."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from typer import Option

from memcell.contract import InputError

__all__ = [
    "CategoryOption", "ChannelOption", "ChannelsOption", "FactOption", "GroupOption", "IdOption", "IgnoreOption",
    "NumberOption", "StaticOption", "TargetsOption", "TextOption", "TimeOption", "ValueOption", "WeightOption",
    "check_kinds", "check_once", "kinds_of",
]  # fmt: skip

IdOption = Annotated[str | None, Option("--id", help="Column that names the series; without it the table is one.")]
TimeOption = Annotated[str | None, Option("--time", help="Column of times, numbers or dates; without it, row order.")]
ChannelOption = Annotated[str | None, Option("--channel", help="Of a long table, the column that names the channel.")]
ValueOption = Annotated[str | None, Option("--value", help="Of a long table, the column that holds the value.")]
ChannelsOption = Annotated[list[str] | None, Option("--channels", help="Channel to read; repeat. Default: all others.")]
FactOption = Annotated[list[str] | None, Option("--fact", help="Column that does not change within a series; repeat.")]
StaticOption = Annotated[Path | None, Option("--static", help="Table with static facts, one row an id.")]
TargetsOption = Annotated[
    Path | None,
    Option("--targets", help="Table with the target, one row an id. Where the main one has it too, they must agree."),
]
GroupOption = Annotated[str | None, Option("--group", help="Column with the subject of each series.")]
WeightOption = Annotated[str | None, Option("--weight", help="Column with how much each series counts.")]
IgnoreOption = Annotated[list[str] | None, Option("--ignore", help="Column to leave out; repeat.")]
CategoryOption = Annotated[list[str] | None, Option("--category", help="Column or channel of categories; repeat.")]
TextOption = Annotated[list[str] | None, Option("--text", help="Column or channel of running text; repeat.")]
NumberOption = Annotated[list[str] | None, Option("--number", help="Column or channel of numbers; repeat.")]


def kinds_of(
    category: Sequence[str] | None, text: Sequence[str] | None, number: Sequence[str] | None
) -> dict[str, str]:
    """What columns hold, by their names.

    Raises:
        InputError: a column is given as two kinds.
    """
    kinds: dict[str, str] = {}
    for kind, names in (("category", category), ("text", text), ("number", number)):
        for name in names or ():
            if kinds.setdefault(name, kind) != kind:
                raise InputError(f"{name!r} is given as --{kinds[name]} and as --{kind}. Give one of them.")
    return kinds


def check_kinds(kinds: Mapping[str, str], others: Mapping[str, str | Sequence[str] | None]) -> None:
    """Nothing, if no column whose kind is given has another role, of which kinds are not asked.

    Args:
        kinds: as of ``kinds_of``.
        others: the columns that options give such roles, by the options' names.

    Raises:
        InputError: names the column and both options.
    """
    for option, given in others.items():
        for name in [given] if isinstance(given, str) else given or ():
            if name in kinds:
                raise InputError(
                    f"{name!r} is given as --{kinds[name]} and as {option}; only channels and facts have a kind. "
                    "Leave one of them out."
                )


def check_once(option: str, names: Sequence[str] | None) -> None:
    """Nothing, if no name is given twice.

    Raises:
        InputError: names the option and the name.
    """
    twice = next((name for name in names or () if (names or ()).count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{option} {twice!r} is given twice. Give it once.")
