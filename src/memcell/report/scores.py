"""How good the model is, beside what is simpler than it."""

from dataclasses import asdict
from typing import Any, cast

from memcell.contract import InputError
from memcell.data import Series
from memcell.evaluation import evaluate_forecaster, evaluate_model, share_trained_on
from memcell.model import Model
from memcell.report.page import Html, bold, details, paragraph, score, section, table
from memcell.report.rivals import Rival, constant, learnt, naive

__all__ = ["scores", "with_targets"]

_HIGHER = ("accuracy", "balanced_accuracy", "auroc", "macro_f1", "r2")
_LOWER = ("log_loss", "brier", "calibration_error", "rmse", "mae", "mase", "pinball")
_COUNTS = ("series", "rows", "origins")
_CLAIMED = 0.8  # of the true values lie in an interval of 80 %
_MEANING = {
    "accuracy": "share that is right",
    "balanced_accuracy": "the mean over classes of the share that is right",
    "auroc": "how well the probabilities rank: 0.5 is chance, 1 perfect",
    "macro_f1": "the mean over classes of F1",
    "r2": "share of the variance that is explained; 0 is a constant",
    "log_loss": "mean surprise at the truth",
    "brier": "mean squared distance of probabilities from the truth",
    "calibration_error": "distance of the stated probability from how often it is right",
    "rmse": "root mean squared error of the mean; of several targets each in units of its spread, averaged",
    "mae": "mean absolute error of the median",
    "mase": "the same in units of the change over a horizon; below 1 beats no change",
    "pinball": "mean loss of the quantiles",
    "coverage": "share of the truth within the 80 % interval; 0.8 is claimed",
}


def with_targets(model: Model, series: list[Series]) -> list[Series]:
    """The series whose outcome is known; of a tagger those with tags, where any row has one."""
    if model.task == "forecast":
        return series
    if model.task == "tag":
        tagged = [one for one in series if one.tags is not None]
        return tagged if any(_known(tag) for one in tagged for tag in cast("Any", one.tags)) else []
    return [one for one in series if _known(one.label)]


def _known(target: Any) -> bool:
    if isinstance(target, tuple | list):
        return any(map(_known, target))
    return target is not None and target == target


def scores(model: Model, series: list[Series], training: list[Series] | None) -> Html:
    """The scores of the model and of its rivals, as a table.

    Args:
        model: with whose answers the truth is compared.
        series: all of them, whether their outcome is known or not.
        training: from which rivals learn; None: there are none but a constant.

    Raises:
        InputError: an outcome that the model does not know, or training series that nothing can be learnt from.
    """
    known = with_targets(model, series)
    if not known:
        return section("scores", "How good it is", paragraph("These data carry no targets, so nothing can be scored."))
    rivals, remark = [], ""
    if model.task == "forecast":
        try:
            own: Any = evaluate_forecaster(model, known)
        except InputError as error:
            return section("scores", "How good it is", paragraph(f"Nothing can be scored. {error}"))
        rivals += [naive(model, known, again=again) for again in (False, True)]
    else:
        own = evaluate_model(model, known)
        rivals.append(constant(model, known, training))
    if training is not None:
        more, remark = learnt(model, known, training)
        rivals += more
        shared = len({str(one.id) for one in training if one.id is not None} & {str(one.id) for one in known})
        remark += f" They learnt from {shared} series with ids that occur here as well." if shared else ""
    own = Rival("this model", "", own)
    return section(
        "scores",
        "How good it is",
        paragraph(_left_out(known, series), _maybe_seen(model, known)),
        _table([own, *rivals]),
        _verdict(own, rivals),
        paragraph("; ".join(f"{one.name}: {one.about}" for one in rivals) + ".", remark, note=True),
        paragraph(
            "" if training is not None or model.task == "forecast"
            else "Give --train with the table the model was trained on to see ordinary learners beside it.", note=True
        ),
        details("What the scores mean", paragraph(_meanings(own), note=True)),
    )  # fmt: skip


def _table(all_of_them: list[Rival]) -> Html:
    columns = [asdict(one.score) for one in all_of_them]
    rows: list[list[Any]] = []
    for name in columns[0]:
        values = [column[name] for column in columns]
        if name in _COUNTS:
            rows.append([name, score(values[0]), *("" for _ in values[1:])])
            continue
        best = min((_loss(name, value) for value in values if value == value), default=None)
        cells = [score(value) for value in values]
        marked = [bold(cell) if _loss(name, value) == best else cell for cell, value in zip(cells, values, strict=True)]
        rows.append([name.replace("_", " "), *marked])
    return table(["", *(one.name for one in all_of_them)], rows, "Scores, the best of each in bold")


def _verdict(own: Rival, rivals: list[Rival]) -> Html:
    """Where a rival is better, said in words."""
    mine = asdict(own.score)
    better: list[str] = []
    for one in rivals:
        names = [
            name.replace("_", " ") for name, value in asdict(one.score).items()
            if name not in _COUNTS and _loss(name, value) < _loss(name, mine[name]) - 1e-12 * abs(mine[name])
        ]  # fmt: skip
        if names:
            better.append(f"the {one.name} in {', '.join(names)}")
    return paragraph(f"Better than this model: {'; '.join(better)}." if better else "No rival is better in any score.")


def _loss(name: str, value: float) -> float:
    """A score as something of which less is better; NaN compares as neither."""
    if name in _HIGHER:
        return -value
    return abs(value - _CLAIMED) if name == "coverage" else value


def _left_out(known: list[Series], series: list[Series]) -> str:
    missing = len(series) - len(known)
    return f"{missing:,} of {len(series):,} series carry no target and are not scored." if missing else ""


def _maybe_seen(model: Model, known: list[Series]) -> str:
    share = share_trained_on(model, known)
    return f"{100 * share:.0f} % of the series are among those it was trained on: scores flatter it." if share else ""


def _meanings(own: Rival) -> str:
    names = [name for name in asdict(own.score) if name in _MEANING]
    told = [f"{name.replace('_', ' ')}: {_MEANING[name]} ({'lower' if name in _LOWER else 'higher'} is better)"
            for name in names if name != "coverage"]  # fmt: skip
    told += [f"coverage: {_MEANING['coverage']}"] if "coverage" in names else []
    return "; ".join(told) + "."
