"""What is done about messy sequences, by name: each can be left out, and a model says which it has."""

from typing import NamedTuple

__all__ = ["FIT_MECHANISMS", "MECHANISMS", "Mechanism"]


class Mechanism(NamedTuple):
    """What a mechanism does, and where there is one."""

    does: str
    where: str


_COLUMNS = "columns of numbers"
_WHOLE = "targets of whole series"
_FOLLOWED = "columns with a value in 40 % of the rows or more, 2,000 series at most, and held-out ones that gain by it"

MECHANISMS = {
    "mask": Mechanism("whether a channel was observed enters beside its value", _COLUMNS),
    "since": Mechanism("the logarithm of the time since it was last observed enters", _COLUMNS),
    "input_decay": Mechanism(
        "a missing value is the last one, decaying to the mean at a learnt rate (GRU-D, arXiv 1606.01865); without it, "
        "the mean", _COLUMNS,
    ),
    "state_decay": Mechanism(
        "the output that enters the next step decays with the times since channels were observed (GRU-D)", _COLUMNS
    ),
    "time_decay": Mechanism("every unit of the cell forgets at its own learnt rate with the time that passes", ""),
    "facts_state": Mechanism(
        "static facts set the state that a series starts from; without it they reach the head alone", "facts"
    ),
    "local": Mechanism(
        "where several rows were made one, a cell of its own reads these one by one, starting anew in each, and its "
        "last and largest outputs enter; without it, they enter side by side alone",
        "long, nearly even and complete series",
    ),
}  # fmt: skip
"""Those of the network."""

FIT_MECHANISMS = {
    "clipping": Mechanism(
        "outliers do not move scales and are drawn in to a limit, and impossible values are not seen",
        "channels of numbers",
    ),
    "merging": Mechanism(
        "rows become one: within a span of time, or so many that follow each other",
        f"{_WHOLE}, and many rows that see few channels each or are nearly even and complete",
    ),
    "summary": Mechanism(
        "statistics of each channel over all rows, or over the rows so far, reach the head through a small layer",
        f"{_WHOLE}, or of rows with up to 100 channels",
    ),
    "gaps": Mechanism(
        "these statistics are also of the logarithm of the time between rows", "such statistics, rows at uneven times"
    ),
    "windows": Mechanism(
        "means and deviations of each channel over the last few rows, and over the next few where these are read, "
        "reach the head beside these statistics", "labels of rows, up to 100 channels",
    ),
    "pieces": Mechanism(
        "where a value lies between knots enters beside it, so that codes and thresholds are learnt from few series",
        "labels of rows, up to 100 channels; of whole series, channels of 3 to 16 different values",
    ),
    "sources": Mechanism(
        "where another channel says which of several sources a row comes from, a number has a column for each, too",
        "numbers that the last value of the same source foretells far better than the last of any",
    ),
    "categories": Mechanism(
        "each word of a category has a column of 1 and 0, so that it is known how often and how lately it came",
        "labels of rows, categories of 2 to 8 words that name no sources",
    ),
    "aligned": Mechanism(
        "each value of each row is a feature of its own",
        f"{_WHOLE}, the same rows in all, and held-out series that gain by it",
    ),
    "linear": Mechanism("a linear reading of all these features has a share in the answer", _WHOLE),
    "selection": Mechanism(
        "of the statistics it reads only those few that say most of the target, each by itself",
        f"{_WHOLE}, and held-out series that gain by it beyond doubt",
    ),
    "shapes": Mechanism(
        "how often each of many shapes is there once rows are brought to even times and gaps filled, read linearly",
        f"{_WHOLE}, {_FOLLOWED}",
    ),
    "contests": Mechanism(
        "how often each of many kernels fits better than its rivals, whatever the size, read linearly",
        f"{_WHOLE}, {_FOLLOWED}",
    ),
    "words": Mechanism(
        "how often each word and category comes, read linearly",
        f"{_WHOLE}, words times series 20 million at most, and held-out ones that gain by it",
    ),
    "products": Mechanism("mean products of each two channels", f"{_WHOLE} and 2 to 16 complete channels"),
    "fine": Mechanism(
        "statistics in fine pieces, read linearly",
        f"{_WHOLE}, 200 or more, up to 8 channels, and held-out series that gain by it",
    ),
}  # fmt: skip
"""Those of the recipe, and what is linear beside the networks."""
