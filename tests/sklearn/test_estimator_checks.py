"""scikit-learn's own checks of estimators, where they apply to sequences."""

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from memcell.sklearn import SequenceClassifier, SequenceRegressor

FAST: dict[str, Any] = {
    "members": 1,
    "hidden_size": 8,
    "epochs": 60,
    "learning_rate": 0.02,
    "dropout": 0.0,
    "progress": False,
}

_FRAMES = "a data frame is a table with a row a time or an observation, and is read by `memcell.read`"
_WEIGHTS = "training is stochastic, so a series of weight 2 and two such series take different steps"
EXPECTED = {
    "check_sample_weights_pandas_series": _FRAMES,
    "check_regressor_data_not_an_array": _FRAMES,
    "check_classifier_data_not_an_array": _FRAMES,
    "check_sample_weight_equivalence_on_dense_data": _WEIGHTS,
}


def expected(estimator: Any) -> dict[str, str]:  # noqa: ARG001
    return EXPECTED


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([SequenceClassifier(**FAST), SequenceRegressor(**FAST)], expected_failed_checks=expected)
def test_scikit_learn_checks(estimator: Any, check: Any) -> None:
    check(estimator)
