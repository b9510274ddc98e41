"""The commands together."""

import typer

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
for command in (fit, predict, evaluate, show, report):
    app.command()(command)
