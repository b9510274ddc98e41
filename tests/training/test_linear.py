"""What is linear in summaries and shapes, beside networks."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from training.small_series import SCHEMA, levels, settings

from memcell import Series
from memcell.features.learning import learn_recipe
from memcell.features.recipe import Recipe
from memcell.features.shapes import Shapes
from memcell.heads import Classification, Head, MultiLabel, Regression
from memcell.heads.regression import OF_T
from memcell.model import Model, ModelConfig
from memcell.training import Design, fit_classifier, networks
from memcell.training.batches import Batch, Batches
from memcell.training.judging import learnt
from memcell.training.linear import _mean_of_best, fit_linear, with_linear
from memcell.training.module import SequenceModule, initial_weights
from memcell.training.reading import Wide, by_strength
from memcell.training.train import Trained

SERIES, LABELS = levels(60)
RECIPE = learn_recipe(SERIES, SCHEMA, summary=True)
SCALED = [np.nan_to_num(RECIPE.encoding.scaled(RECIPE.encoding.columns_of(one))) for one in SERIES]
SHAPES = tuple(Shapes.learn(SCALED, changes=changes) for changes in (False, True))
FINE = learn_recipe(levels(260, seed=1)[0], SCHEMA, summary=True, fine=True)
RECIPES = (RECIPE, replace(RECIPE, shapes=SHAPES[:1]), replace(RECIPE, shapes=SHAPES), replace(FINE, shapes=SHAPES))
HIGH = np.array([label == "high" for label in LABELS], np.float32)[:, None]
CASES: dict[str, tuple[Head, NDArray[np.float32]]] = {
    "classify": (Classification(("low", "high")), np.hstack([1 - HIGH, HIGH])),
    "multilabel": (MultiLabel(("high", "low")), np.hstack([HIGH, 1 - HIGH])),
    "regress": (Regression(("level",), (1.5,), (1.5,), (OF_T,)), 2 * HIGH - 1),
}


def started(head: Head, noise: float, recipe: Recipe = RECIPE) -> tuple[ModelConfig, Trained]:
    """A network with random weights, as if it had been trained to a loss that is easy to better."""
    config = ModelConfig(head=head, hidden_size=4, **recipe.widths)
    torch.manual_seed(0)
    weights = {
        name: (one + noise * torch.randn_like(one) * (name != "linear.weight")).numpy()
        for name, one in initial_weights(config, 5.0).items()
    }
    return config, Trained(weights, 1, np.inf)


def batches_of(
    target: NDArray[np.float32], weight: NDArray[np.float32] | None = None, recipe: Recipe = RECIPE
) -> Batches:
    steps = recipe.apply(SERIES)

    def of(first: int, last: int) -> Batch:
        part = np.arange(first, last)
        return Batch.of(steps.sequences(part), None, target[part], None if weight is None else weight[part])

    return Batches(lambda random: iter([of(0, 20), of(20, 40)]), 2, [of(40, 50), of(50, 60)])  # noqa: ARG005


def together(config: ModelConfig, runs: list[Trained], batches: list[Batches]) -> list[Trained]:
    linear = [fit_linear(config, run, own) for run, own in zip(runs, batches, strict=True)]
    return with_linear(config.head, runs, linear)


def module_of(config: ModelConfig, run: Trained) -> SequenceModule:
    return SequenceModule(config, 0.0, {key: torch.from_numpy(one) for key, one in run.weights.items()})


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("name", CASES)
def test_it_learns_what_is_linear(name: str, recipe: Recipe) -> None:
    head, target = CASES[name]
    config, run = started(head, 0.0, recipe)
    batches = batches_of(target, recipe=recipe)
    (mixed,) = together(config, [run], [batches])
    module = module_of(config, mixed)
    answers = torch.cat([module.answers(batch) for batch in batches.validation])[:, : target.shape[1]]
    middle = 0.5 if name == "regress" else 0.0
    assert (((answers > 0) == (torch.from_numpy(target[40:]) > middle)).float().mean()) > 0.8
    losses = [module.validation_loss(batch) for batch in batches.validation]
    assert np.mean(losses) == pytest.approx(mixed.validation_loss, rel=1e-4)
    nothing = module_of(config, run)
    assert np.mean(losses) < 0.7 * abs(np.mean([nothing.validation_loss(batch) for batch in batches.validation]))


@pytest.mark.parametrize("name", CASES)
def test_a_network_that_is_better_alone_stays_as_it_is(name: str) -> None:
    head, target = CASES[name]
    config, run = started(head, 0.0)
    target = target.copy()
    target[40:] = target[LABELS.index("high")]  # what is linear in the features does not say so; the network does
    run.weights["head.bias"] = {"classify": [-9.0, 9.0], "multilabel": [9.0, -9.0], "regress": [1.0, -4.0]}[name]
    run.weights["head.bias"] = np.array(run.weights["head.bias"], np.float32)
    (mixed,) = together(config, [run], [batches_of(target)])
    assert not mixed.weights["linear.weight"].any()
    np.testing.assert_array_equal(mixed.weights["head.bias"], run.weights["head.bias"])


def test_networks_have_the_same_shares() -> None:
    """One network whose held-out series like the linear readings, and one whose do not."""
    head, target = CASES["classify"]
    config, run = started(head, 0.3)
    told = [target, np.concatenate([target[:54], target[54:, ::-1]])]
    batches = [batches_of(one) for one in told]
    both = together(config, [run, run], batches)
    shares = [one.weights["head.weight"] / run.weights["head.weight"] for one in both]
    np.testing.assert_allclose(shares[0], shares[1], rtol=1e-5)
    assert both[0].validation_loss != pytest.approx(both[1].validation_loss, rel=0.1)
    for one, own in zip(both, batches, strict=True):
        losses = [module_of(config, one).validation_loss(batch) for batch in own.validation]
        assert np.mean(losses) == pytest.approx(one.validation_loss, rel=1e-4)


def test_series_of_no_weight_teach_nothing() -> None:
    head, target = CASES["classify"]
    config, run = started(head, 0.0)
    turned, weight = target.copy(), np.ones(60, np.float32)
    turned[20:40], weight[20:40] = target[20:40, ::-1], 0.0
    (found,) = together(config, [run], [batches_of(turned, weight)])
    first, second = batches_of(target), batches_of(target).draw
    half = Batches(lambda random: iter(list(second(random))[:1]), 1, first.validation)
    (expected,) = together(config, [run], [half])
    np.testing.assert_allclose(found.weights["linear.weight"], expected.weights["linear.weight"], atol=0.01)


def test_nothing_is_mixed_where_no_held_out_series_counts() -> None:
    head, target = CASES["classify"]
    config, run = started(head, 0.0)
    weight = np.ones(60, np.float32)
    weight[40:] = 0.0
    assert together(config, [run], [batches_of(target, weight)]) == [run]


def test_an_interrupted_network_stays_as_it_is_beside_others() -> None:
    head, target = CASES["classify"]
    config, run = started(head, 0.0)
    broken = replace(run, interrupted=True)
    first, last = together(config, [run, broken], [batches_of(target)] * 2)
    assert last is broken
    assert first.weights["linear.weight"].any()


@pytest.mark.parametrize("number", [0, 1])
def test_ctrl_c_while_it_is_learnt_keeps_the_networks(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def interrupted(*arguments: Any) -> Any:
        asked.append(arguments)
        if len(asked) > number:
            raise KeyboardInterrupt
        return fit_linear(*arguments)

    monkeypatch.setattr(networks, "fit_linear", interrupted)
    model = fit_classifier(SERIES, LABELS, SCHEMA, settings(), Design(members=3))
    assert model.record["interrupted"]
    assert [member["linear.weight"].any() for member in model.members] == [True, False][1 - number :]


def test_losses_that_are_not_finite_are_not_the_best() -> None:
    possible = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    losses = np.array([[1.0, 1.1, 1.0], [np.nan, 0.0, 0.0], [9.0, 9.1, 9.0]], np.float32)
    np.testing.assert_array_equal(_mean_of_best(possible, losses, np.ones(3)), possible[0])
    np.testing.assert_array_equal(_mean_of_best(possible, losses * np.nan, np.ones(3)), possible[0])
    close = np.array([[1.0, 1.1, 1.0], [1.1, 1.0, 1.0], [9.0, 9.1, 9.0]], np.float32)
    np.testing.assert_allclose(_mean_of_best(possible, close, np.ones(3)), [0.75, 0.25])


@pytest.mark.parametrize("narrow", [False, True])
def test_statistics_are_read_as_finely_as_held_out_series_say(narrow: bool) -> None:
    """Whether the last value lies in one of four narrow bands, or the larger it is the more likely."""
    rng = np.random.default_rng(0)
    last = rng.uniform(0.0, 1.0, 400)
    series = [Series(np.array([[one]]), np.zeros(1), ("x",), k, time_kind="number") for k, one in enumerate(last)]
    high = ((last * 8) % 2 < 1 if narrow else last > rng.uniform(0.0, 1.0, 400)).astype(np.float32)
    target = np.stack([1 - high, high], axis=1)
    recipe = learn_recipe(series[:260], SCHEMA, summary=True, aligned=False, fine=True)
    config, run = started(CASES["classify"][0], 0.0, recipe)
    steps = recipe.apply(series)
    parts = [Batch.of(steps.sequences(part), None, target[part]) for part in np.split(np.arange(400), [260])]
    (mixed,) = together(config, [run], [Batches(lambda random: iter(parts[:1]), 1, parts[1:])])  # noqa: ARG005
    weight = mixed.weights["linear.weight"]
    coarse, fine = weight[:, : config.summary].any(), weight[:, -config.fine :].any()
    assert (coarse, fine) == (not narrow, narrow)
    less, _ = networks._without_unread(recipe, [mixed])
    assert less.widths["fine"] == (config.fine if narrow else 0)
    right = (module_of(config, mixed).answers(parts[1]).argmax(dim=1).numpy() == high[260:]).mean()
    assert right > (0.95 if narrow else 0.6)


@pytest.mark.parametrize("read", [(True, True), (True, False), (False, True), (False, False)])
def test_kinds_of_shapes_that_no_network_reads_are_left_out(read: tuple[bool, bool]) -> None:
    recipe = replace(RECIPE, shapes=SHAPES)
    config, run = started(CASES["classify"][0], 1.0, recipe)
    weight = np.random.default_rng(0).normal(size=run.weights["linear.weight"].shape).astype(np.float32)
    sizes = [size for _, size in config.shapes]
    begin = weight.shape[1] - sum(sizes)
    for one, own in zip(read, np.split(weight[:, begin:], [sizes[0]], axis=1), strict=True):
        own *= one
    run.weights["linear.weight"] = weight
    less, (cut,) = networks._without_unread(recipe, [run])
    assert less.shapes == tuple(one for one, there in zip(recipe.shapes, read, strict=True) if there)
    models = (Model(at, replace(config, **at.widths), (one.weights,), {}) for at, one in ((recipe, run), (less, cut)))
    np.testing.assert_allclose(*(one.predict_proba(SERIES[:5]) for one in models), atol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_features_are_ordered_by_how_much_each_says(name: str) -> None:
    head, target = CASES[name]
    rng = np.random.default_rng(0)
    high = HIGH[:, 0]
    features = np.stack([rng.normal(size=60), 100 + 9 * high, high + rng.normal(size=60), np.zeros(60)], axis=1)
    features = torch.from_numpy(features.astype(np.float32))
    wide = Wide(features, torch.from_numpy(target), torch.ones(60))
    np.testing.assert_array_equal(by_strength(head, features, wide), [1, 2, 0, 3])
    wide = replace(wide, weight=torch.from_numpy(1 - high) + 1e-6)  # of one class alone there is nothing to tell
    assert sorted(by_strength(head, features, wide)) == [0, 1, 2, 3]


@pytest.mark.parametrize("few", [False, True])
def test_few_statistics_are_read_alone_only_where_that_is_better_beyond_doubt(few: bool) -> None:
    """The class is in one of 60 channels, or a little of it in each."""
    rng = np.random.default_rng(0)
    high = rng.permutation(np.arange(200) % 2)
    values = rng.normal(size=(200, 60))
    values += (3.0 * (np.arange(60) == 17) if few else 0.5) * np.where(high, 1, -1)[:, None]
    names = tuple(f"x{c}" for c in range(60))
    series = [Series(one[None], np.zeros(1), names, k, time_kind="number") for k, one in enumerate(values)]
    target = np.stack([1 - high, high], axis=1).astype(np.float32)
    recipe = learn_recipe(series[:100], replace(SCHEMA, channels=names), summary=True, aligned=False)
    config, run = started(CASES["classify"][0], 0.0, recipe)
    steps = recipe.apply(series)
    parts = [Batch.of(steps.sequences(part), None, target[part]) for part in np.split(np.arange(200), [100])]
    batches = Batches(lambda random: iter(parts[:1]), 1, parts[1:])  # noqa: ARG005
    (mixed,) = together(config, [run], [batches])
    assert any("strongest" in one for one in mixed.shares) == few
    read = np.count_nonzero(mixed.weights["linear.weight"][0])
    assert (read <= 64) == few
    (without,) = with_linear(config.head, [run], [fit_linear(config, run, batches, selection=False)])
    assert not any("strongest" in one for one in without.shares)
    assert without.validation_loss > mixed.validation_loss or not few


def test_a_network_that_has_not_learnt_what_others_have_is_left_out() -> None:
    head, target = CASES["classify"]
    config, run = started(head, 0.0)
    batches = batches_of(target)
    found = fit_linear(config, run, batches)
    assert found is not None
    sure = 4 * (2 * found.target - 1)
    good = replace(found, deep=sure + 0.1 * torch.randn(sure.shape, generator=torch.Generator().manual_seed(0)))
    poor, well = found.losses(head), good.losses(head)
    assert learnt([poor, well, None, well]) == [False, True, True, True]
    assert learnt([poor, None]) == [True, True]
    assert learnt([None]) == [True]
