"""How much of a benchmark to run, and how to write down what it gave."""

from typing import Any, NamedTuple

import numpy as np

__all__ = ["SEEDS", "Effort", "spread"]

SEEDS = 3


class Effort(NamedTuple):
    """How much of a part to run: its first folds or seeds; quickly, only to see that it runs."""

    folds: int = 5
    quick: bool = False

    @property
    def options(self) -> dict[str, Any]:
        """What every estimator is told."""
        return {"progress": False} | ({"epochs": 1, "members": 1} if self.quick else {})

    @property
    def seeds(self) -> range:
        return range(1 if self.quick else min(SEEDS, self.folds))

    def some(self, count: int) -> int:
        """So many, or a tenth of them."""
        return count // 10 if self.quick else count


def spread(values: Any, digits: int = 3) -> str:
    """Mean and standard deviation, which one value does not have."""
    deviation = f" ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{np.mean(values):.{digits}f}{deviation}"
