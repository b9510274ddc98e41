"""The commands together."""

from typing import Annotated

import typer

from memcell import __version__
from memcell.cli.evaluate import evaluate
from memcell.cli.fit import fit
from memcell.cli.predict import predict
from memcell.cli.report import report
from memcell.cli.show import show

__all__ = ["app"]

app = typer.Typer(
    name="memcell",
    help="LSTMs for sequences as they really come: train on a table, predict on another.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"memcell {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """What goes before a command."""


for command in (fit, predict, evaluate, show, report):
    app.command()(command)
