"""Estimators beside other code: threads, what PyTorch is set to, Ctrl-C, frames and tensors of all sorts."""

import signal
import threading
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.model_selection import cross_val_predict

from memcell import DataWarning, InputError, as_series
from memcell.sklearn import SequenceClassifier, SequenceForecaster, SequenceRegressor, SequenceTagger

QUICK: dict[str, Any] = {"members": 1, "epochs": 3, "hidden_size": 8, "progress": False}
RANDOM = np.random.default_rng(0)
Y = RANDOM.integers(0, 2, 40)
X = [RANDOM.normal(size=(RANDOM.integers(2, 30), 3)) + label * np.array([1, 0, -1]) for label in Y]
FRAMES = [pd.DataFrame(one, columns=["pulse", "temp", "spo2"]) for one in X]


@pytest.fixture(scope="module")
def probabilities() -> np.ndarray:
    return SequenceClassifier(**QUICK).fit(X, Y).predict_proba(X)


def test_fits_in_several_threads_do_not_disturb_each_other() -> None:
    before = torch.random.get_rng_state()
    serial = cross_val_predict(SequenceClassifier(**QUICK), X, Y, cv=4, method="predict_proba")
    with joblib.parallel_backend("threading"):
        threaded = cross_val_predict(SequenceClassifier(**QUICK), X, Y, cv=4, method="predict_proba", n_jobs=2)
    np.testing.assert_array_equal(threaded, serial)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    "context",
    [
        torch.no_grad,
        torch.inference_mode,
        lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    ],
    ids=["no_grad", "inference_mode", "autocast"],
)
def test_what_pytorch_is_set_to_does_not_matter(context: Any, probabilities: np.ndarray) -> None:
    with context():
        model = SequenceClassifier(**QUICK).fit(X, Y)
    np.testing.assert_array_equal(model.predict_proba(X), probabilities)


def test_another_default_type_does_not_matter(probabilities: np.ndarray) -> None:
    torch.set_default_dtype(torch.float64)
    try:
        model = SequenceClassifier(**QUICK).fit(X, Y)
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    np.testing.assert_array_equal(model.predict_proba(X), probabilities)


def test_an_interrupted_fit_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from memcell.training import train

    whole = train._validate

    def interrupted(*arguments: Any) -> float:
        signal.raise_signal(signal.SIGINT)
        return whole(*arguments)

    monkeypatch.setattr(train, "_validate", interrupted)
    assert threading.current_thread() is threading.main_thread()
    with pytest.warns(DataWarning, match=r"interrupted: the best so far is kept, of 1 of 5 networks"):
        model = SequenceClassifier(**QUICK | {"members": 5}).fit(X, Y)
    assert len(model.model_.members) == 1


def test_frames_with_other_names_are_not_read_by_position() -> None:
    model = SequenceClassifier(**QUICK).fit(FRAMES, Y)
    with pytest.raises(InputError, match="lack the channel 'pulse'"):
        model.predict([frame.set_axis(["a", "b", "c"], axis=1) for frame in FRAMES])
    expected = model.predict_proba(FRAMES)
    for given in (X, [pd.DataFrame(one) for one in X], [frame[["spo2", "pulse", "temp"]] for frame in FRAMES]):
        np.testing.assert_array_equal(model.predict_proba(given), expected)
    mixed = [frame if k % 2 else frame[["spo2", "pulse", "temp"]] for k, frame in enumerate(FRAMES)]
    np.testing.assert_array_equal(model.predict_proba(mixed), expected)


def test_times_are_found_among_the_levels_of_an_index() -> None:
    frame = pd.concat([one.set_axis(pd.date_range("2020", periods=len(one)), axis=0) for one in FRAMES], keys=range(40))
    series = as_series([group for _, group in frame.groupby(level=0)])
    assert {one.time_kind for one in series} == {"date"}
    with pytest.warns(DataWarning, match="not read as times"):
        (one, *_) = as_series([frame.set_axis(np.arange(len(frame)) * 7.5) for frame in FRAMES])
    assert one.time_kind == "order"


def test_tensors_are_arrays(probabilities: np.ndarray) -> None:
    with_gradients = [torch.tensor(one, requires_grad=True) for one in X]
    model = SequenceClassifier(**QUICK).fit(with_gradients, Y)
    np.testing.assert_array_equal(model.predict_proba(with_gradients), probabilities)
    assert len(model.predict([torch.tensor(one).bfloat16() for one in X])) == 40


def test_one_series_is_put_into_a_list() -> None:
    with pytest.raises(InputError, match="Put a single series"):
        SequenceClassifier(**QUICK).fit(X, Y).predict(X[0])


@pytest.mark.parametrize("y", [np.where(Y == 1, np.nan, 0.0), Y.astype(str), [None] * 40], ids=["nan", "text", "none"])
def test_labels_that_are_none_have_no_score(y: Any) -> None:
    with pytest.raises(InputError, match=r"no label|holds text|requires y"):
        SequenceClassifier(**QUICK).fit(X, Y).score(X, y)


def test_names_of_labels_may_be_given_while_training_goes_on() -> None:
    both = np.column_stack([Y, 1 - Y])
    assert SequenceClassifier(**QUICK).partial_fit(X, both, classes=["sick", "old"]).classes_.tolist() == [
        "sick",
        "old",
    ]
    with pytest.raises(InputError, match="`classes` names 3 labels"):
        SequenceClassifier(**QUICK).partial_fit(X, both, classes=["sick", "old", "new"])
    with pytest.raises(InputError, match="at least two"):
        SequenceClassifier(**QUICK).partial_fit(X, Y, classes=[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"resume": True}, "`checkpoint` names no file"),
        ({"resume": "yes"}, "`resume` is 'yes'"),
        ({"checkpoint": 5}, "`checkpoint` is 5"),
        ({"cycles": 7}, "`cycles` is 7"),
        ({"cycles": ["a"]}, "`cycles` is"),
        ({"without": 5}, "`without` is 5"),
        ({"hidden_size": 10**9}, "from 1 to 10,000"),
    ],
)
def test_wrong_parameters_are_named_before_any_work(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SequenceClassifier(**QUICK | options).fit(X, Y)


def test_what_nothing_can_be_learnt_of_is_told() -> None:
    with pytest.warns(DataWarning, match="Nothing is to be learnt of 'y'"):
        SequenceRegressor(**QUICK).fit(X, np.ones(40))
    with pytest.warns(DataWarning, match="No series has a value"):
        SequenceClassifier(**QUICK).fit([np.full((4, 3), np.nan)] * 40, Y)
    still = [np.ones((30, 1))] * 3
    with pytest.warns(DataWarning, match="no score"):
        SequenceForecaster(horizon=3, epochs=1, progress=False).fit(still).score(still)
    with pytest.raises(InputError, match="Cut a long one into several"):
        SequenceTagger(**QUICK).fit([np.zeros((50, 2))], [list("ab") * 25])


def test_a_channel_that_only_later_networks_see_is_read() -> None:
    """Of many rare channels some have values in none of the series that the first network is trained on."""
    series = [np.full((4, 80), np.nan) for _ in range(50)]
    for k, one in enumerate(series):
        one[0, k % 80] = one[1, (k + 1) % 80] = 1.0
    model = SequenceClassifier(epochs=1, progress=False).fit(series, np.arange(50) % 2)
    assert sum(getattr(one, "silent", False) for one in model.model_.recipe.channels) == 80 - 51
    alone = SequenceClassifier(epochs=1, members=1, progress=False).fit(series, np.arange(50) % 2)
    assert sum(getattr(one, "silent", False) for one in alone.model_.recipe.channels) > 80 - 51


@pytest.mark.parametrize("kind", ["rare", "zero-inflated", "lognormal"])
def test_means_are_means_of_uneven_targets(kind: str) -> None:
    random = np.random.default_rng(1)
    x = [random.normal(size=(6, 2)) for _ in range(1200)]
    y = {
        "rare": (random.random(1200) < 0.1).astype(float),
        "zero-inflated": np.where(random.random(1200) < 0.6, 0.0, random.poisson(3, 1200)),
        "lognormal": np.exp(random.normal(size=1200)),
    }[kind]
    model = SequenceRegressor(members=2, epochs=8, progress=False).fit(x[:400], y[:400])
    assert model.predict(x[400:]).mean() == pytest.approx(y[:400].mean(), rel=0.15)


def test_a_warning_points_at_the_line_that_led_to_it() -> None:
    training, fresh = (as_series(list(some)) for some in np.random.default_rng(0).normal(size=(2, 30, 8, 1)))
    estimator = SequenceRegressor(epochs=1, members=1, progress=False).fit(training, np.arange(30.0))
    fresh = [*fresh, as_series([np.empty((0, 1))])[0]]
    for ask in (estimator.predict, estimator.model_.predict, lambda some: estimator.score(some, np.arange(31.0))):
        with pytest.warns(DataWarning, match="1 of 31 series have no observation") as caught:
            ask(fresh)
        assert {one.filename for one in caught} == {__file__}
