"""The command line over tables: ``memcell fit``, ``predict``, ``evaluate``, ``show``."""

import os
import re
import sys
import warnings
from typing import Any

from memcell.contract import DataWarning, InputError, OutputError

__all__ = ["main"]

_INTERRUPTED = 130  # what Typer makes of Ctrl-C


def main() -> None:
    """Run the command line and end the program.

    Exit codes: 0 done; 2 wrong use: an option, a file or data that the user has to change; 1 failure: no space, no
    right to write, or a fault of memcell itself.
    """
    try:
        sys.exit(_run())
    except KeyboardInterrupt:  # before anything of ours runs that would take care of it
        sys.exit(_complain("Interrupted before it was done.", 1))


def _run() -> int:
    # Threads that spin while they wait make training ten times slower where a neighbour takes a core. Has to be said
    # before OpenMP loads.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    _note_warnings()
    try:
        from memcell.cli.app import app
    except ModuleNotFoundError as error:
        return _complain(
            f"The command line needs more than the light install ({error.name}): pip install 'memcell[train]'.", 2
        )
    try:
        app(prog_name="memcell")
    except InputError as error:
        return _complain(str(error), 2)
    except OutputError as error:
        return _complain(str(error), 1)
    except MemoryError:
        return _complain(_out_of_memory(), 1)
    except OSError as error:
        return _complain(f"{error.filename or 'The system'}: {error.strerror or error}.", 1)
    except Exception as error:
        if isinstance(error, RuntimeError) and "allocate memory" in str(error):  # PyTorch's way of saying it
            return _complain(_out_of_memory(), 1)
        if os.environ.get("MEMCELL_TRACEBACK"):
            raise
        return _complain(
            f"A fault of memcell, not yours: {type(error).__name__}: {error}. Please report it, with what "
            "MEMCELL_TRACEBACK=1 prints.",
            1,
        )
    except SystemExit as done:
        if done.code == _INTERRUPTED:
            return _complain("Interrupted before it was done.", 1)
        return done.code if isinstance(done.code, int) else 0 if done.code is None else 1
    return 0


def _note_warnings() -> None:
    """Have what there is to know of the data printed as notes, each once."""
    usual, said = warnings.showwarning, set[str]()

    def show(message: Any, category: Any, *rest: Any, **others: Any) -> None:
        if not issubclass(category, DataWarning):
            usual(message, category, *rest, **others)
        elif str(message) not in said:
            from memcell.cli.tables import note  # not before the rooms it needs are known to be there

            said.add(str(message))
            note(str(message))

    warnings.simplefilter("always", DataWarning)
    warnings.showwarning = show


def _out_of_memory() -> str:
    smaller = ", or a smaller --batch-size or --hidden-size" if sys.argv[1:2] == ["fit"] else ""
    return f"Out of memory. Give fewer rows{smaller}."


def _complain(message: str, code: int) -> int:
    print(f"Error: {_ARGUMENT.sub(_option, message)}", file=sys.stderr)
    return code


def _option(argument: re.Match[str]) -> str:
    """What stands for an argument of Python's on the command line."""
    name = argument[1]
    return f"--{_OPTIONS.get(name, name.replace('_', '-'))}"


_OPTIONS = {
    "label": "target",
    "tag": "target",
    "sample_weight": "weight",
    "facts": "fact",
    "kinds": "category, --text or --number",
}
_ARGUMENT = re.compile(
    r"`(without|cycles|learning_rate|batch_size|epochs|hidden_size|num_layers|members|seed|horizon|kinds|class_weight|"
    r"label|tag|sample_weight|facts|id|time|channel|value|group|weight|ignore)`(?! \()"
)
