"""The libraries behind tables, which a light install lacks: one place to import them from, with one message."""

from memcell.contract.errors import InputError

try:
    import narwhals as nw
    import polars as pl
except ModuleNotFoundError as error:
    raise InputError(
        f"Tables need a library that is not installed ({error.name}): pip install 'memcell[table]'. "
        "Arrays need none: see `memcell.data.as_series`."
    ) from error

__all__ = ["nw", "pl"]
