"""``memcell show``: what a model reads, predicts and is made of."""

import json
from pathlib import Path
from textwrap import fill
from typing import Annotated

from typer import Argument, Option

from memcell.model import load
from memcell.model.artifact import document_of
from memcell.model.description import Part, described

__all__ = ["show"]

_MOST = 60  # rows of a table
_WIDTH = 110  # of a line


def show(
    model: Annotated[Path, Argument(help="Model that `memcell fit` wrote.")],
    every: Annotated[bool, Option("--all", help="All channels, also where they are many.")] = False,
    as_json: Annotated[bool, Option("--json", help="Recipe, configuration and record as JSON, for programs.")] = False,
) -> None:
    """Print a model's recipe, shape and training record."""
    trained = load(model)
    if as_json:
        print(json.dumps(document_of(trained), indent=1))
        return
    print("\n\n".join(_text(part, every) for part in described(trained)))


def _text(part: Part, every: bool) -> str:
    """A part as lines, columns below each other."""
    rows = part.rows if every else part.rows[:_MOST]
    lines = [part.header, *rows] if part.header else rows
    # The last cell of a row may be as long as it likes.
    widths = [max(len(row[k]) for row in lines if k < len(row) - 1) for k in range(max(map(len, lines)) - 1)]
    text = [part.title]
    for row in lines:
        begin = "".join(f"{cell:{width}}  " for cell, width in zip(row[:-1], widths, strict=False))
        text.append(fill(row[-1], max(_WIDTH, len(begin) + 40), initial_indent=f"  {begin}",
                         subsequent_indent=" " * (len(begin) + 2)) or f"  {begin}".rstrip())  # fmt: skip
    if len(rows) < len(part.rows):
        text.append(f"  ... and {len(part.rows) - len(rows):,} more; --all prints them.")
    if part.note:
        text.append(fill(part.note, _WIDTH, initial_indent="  ", subsequent_indent="  "))
    return "\n".join(text)
