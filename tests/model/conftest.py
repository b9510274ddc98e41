"""One model of each task, with random weights."""

import numpy as np
import pytest
from model.random_models import MAKERS, series_of

from memcell import Series
from memcell.model import Model


@pytest.fixture(params=sorted(MAKERS))
def model(request: pytest.FixtureRequest) -> Model:
    """A classifier, then a forecaster."""
    return MAKERS[request.param]()


@pytest.fixture
def series() -> list[Series]:
    """Of many lengths, with rows and values missing."""
    rng = np.random.default_rng(9)
    return [series_of(rng, length, id=length) for length in (7, 1, 30, 2, 13)]
