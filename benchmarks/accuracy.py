"""memcell on real data against what a careful user of scikit-learn would run, as Markdown.

    MEMCELL_DATA=folder python benchmarks/accuracy.py [part ...] [--folds 5] [--quick]

Parts: physionet, har, ucr, covid (against rivals on the same folds), mechanisms and grid (see ``ablations``), long (see
``lengths``); all of them if none is named. Estimators have their defaults, but for what is said. Everything runs on one
thread, if OMP_NUM_THREADS=1 says so before the start, but for the adding problem of ``long``.
"""

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from ablations import corrupted, grid, mechanisms, read_stays
from datasets import Fold, group_folds, har_rfid, physionet2012, stratified_folds, ucr
from effort import Effort, spread
from lengths import long
from rivals import boosted, logistic, ridge, series_summaries, stay_summaries, window_features
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, roc_auc_score
from timing import load, machine, markdown

import memcell
from memcell.sklearn import SequenceClassifier, SequenceRegressor, SequenceTagger

MEAN_FILLING = ("mask", "since", "input_decay", "state_decay", "time_decay", "summary")
PUBLISHED = {
    "JapaneseVowels": "0.986 (signature kernel)",
    "BasicMotions": "1.000",
    "ArrowHead": "0.869 (HC2)",
    "ItalyPowerDemand": "0.970 (HC2)",
}

Array = np.ndarray


def tell(row: list[str]) -> None:
    """What is known so far, for whoever waits."""
    print(*row, sep=" | ", file=sys.stderr, flush=True)


def timed(fit: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    return fit(), time.perf_counter() - start


def calibration_error(probability: Array, truth: Array) -> float:
    """Of the predicted one of two classes, as ``memcell.evaluation.ClassifierScore`` has it."""
    confidence, right = np.maximum(probability, 1 - probability), (probability > 0.5) == truth
    bins = np.array_split(np.argsort(confidence), 10)
    return sum(len(part) * abs(confidence[part].mean() - right[part].mean()) for part in bins) / len(truth)


# Stays in intensive care


def physionet(effort: Effort) -> Iterator[str]:
    """In-hospital death from the first 48 hours: stratified folds, the same for all."""
    stays = physionet2012()
    died = stays.outcomes["died"].to_numpy()
    dirty = corrupted(stays)
    series = read_stays(stays), read_stays(dirty)
    tables = stay_summaries(stays)[0], stay_summaries(dirty)[0]
    folds = stratified_folds(died)[: effort.folds]
    contenders = {
        "memcell": lambda fold: _stays_by_memcell(effort, series, fold),
        "memcell, mean-filling": lambda fold: _stays_by_memcell(effort, series, fold, without=MEAN_FILLING),
        "logistic regression on summaries": lambda fold: _stays_by_rival(logistic, tables, died, fold),
        "boosted trees on summaries": lambda fold: _stays_by_rival(boosted, tables, died, fold),
    }
    rows: list[list[str]] = []
    of_memcell = np.zeros(len(folds))
    for name, contender in contenders.items():
        scores = np.array([_stay_scores(*contender(_smaller(fold, effort)), died[fold[1]]) for fold in folds])
        of_memcell = of_memcell if rows else scores[:, 0]
        cells = [spread(column) for column in scores[:, :4].T]
        rows.append([name, *cells, spread(scores[:, 0] - of_memcell), spread(scores[:, 4], 0)])
        tell(rows[-1])
    header = [f"PhysioNet 2012, {len(folds)} folds", "AUROC", "average precision", "AUROC, 1 % of values x 1e6",
              "calibration error", "AUROC less memcell's", "seconds a fold"]  # fmt: skip
    yield markdown(header, rows)
    yield "Published, same protocol (arXiv 1606.01865): LSTM-mean 0.8025, SVM 0.8277, GRU-D 0.8424 ± 0.012."


def _smaller(fold: Fold, effort: Effort) -> Fold:
    """A fold with a quarter of its training rows, in a hurry."""
    return fold[0][:: 4 if effort.quick else 1], fold[1]


def _stays_by_memcell(effort: Effort, series: Any, fold: Fold, **options: Any) -> tuple[Array, Array, float]:
    """Probabilities of death, the same from corrupted values, and the seconds of the fit."""
    train, test = fold
    estimator = SequenceClassifier(**effort.options, **options)
    estimator, seconds = timed(lambda: estimator.fit([series[0][k] for k in train]))
    clean, dirty = (estimator.predict_proba([some[k] for k in test])[:, 1] for some in series)
    return clean, dirty, seconds


def _stays_by_rival(rival: Any, tables: Any, died: Array, fold: Fold) -> tuple[Array, Array, float]:
    train, test = fold
    model, seconds = timed(lambda: rival(tables[0][train], died[train]))
    clean, dirty = (model.predict_proba(table[test])[:, 1] for table in tables)
    return clean, dirty, seconds


def _stay_scores(clean: Array, dirty: Array, seconds: float, died: Array) -> list[float]:
    return [
        roc_auc_score(died, clean), average_precision_score(died, clean), roc_auc_score(died, dirty),
        calibration_error(clean, died), seconds,
    ]  # fmt: skip


# Activities from a worn sensor


def har(effort: Effort) -> Iterator[str]:
    """The activity at every reading, whole trials left out."""
    frame = har_rfid()
    series = memcell.read(frame, id="trial", time="time", tag="label")
    folds = [_smaller(fold, effort) for fold in group_folds(np.arange(len(series)))[: effort.folds]]
    trials, label = frame["trial"].to_numpy(), frame["label"].to_numpy()

    def tagger(fold: Fold, **options: Any) -> tuple[Array, Array, float]:
        train, test = ([series[k] for k in part] for part in fold)
        estimator, seconds = timed(lambda: SequenceTagger(**effort.options, **options).fit(train))
        return np.concatenate([one.tags for one in test]), np.concatenate(estimator.predict(test)), seconds

    def trees(fold: Fold, features: Array) -> tuple[Array, Array, float]:
        train, test = (np.flatnonzero(np.isin(trials, [series[k].id for k in part])) for part in fold)
        groups = np.unique(trials[train], return_inverse=True)[1]
        settings: dict[str, Any] = {"groups": groups, "weights": (None, "balanced"), "tries": 2, "thin": 5}
        model, seconds = timed(lambda: boosted(features[train], label[train], "f1_macro", **settings))
        return label[test], model.predict(features[test]), seconds

    behind, around = (window_features(frame, ahead)[0] for ahead in (False, True))
    contenders = {
        "boosted windows, ahead and behind": lambda fold: trees(fold, around),
        "boosted windows, behind": lambda fold: trees(fold, behind),
        "memcell, bidirectional": lambda fold: tagger(fold, bidirectional=True),
        "memcell, causal": tagger,
    }
    rows = []
    for name, contender in contenders.items():
        results = [contender(fold) for fold in folds]
        f1 = [f1_score(truth, found, average="macro") for truth, found, _ in results]
        right = [accuracy_score(truth, found) for truth, found, _ in results]
        rows.append([name, spread(f1), spread(right), spread([seconds for *_, seconds in results], 0)])
        tell(rows[-1])
    yield markdown([f"Activities (RFID), {len(folds)} folds of trials", "macro F1", "accuracy", "seconds a fold"], rows)


# Archives of short series


def archives(effort: Effort) -> Iterator[str]:
    """Classes of four sets of UCR and UEA, their own training and test files."""
    rows = []
    for name, published in PUBLISHED.items():
        x, y, x_test, y_test = ucr(name)
        networks = [
            timed(lambda: SequenceClassifier(**effort.options, seed=seed).fit(x, y))  # noqa: B023
            for seed in effort.seeds
        ]
        scores = [np.mean(one.predict(x_test) == y_test) for one, _ in networks]
        summaries, summaries_test = series_summaries(x), series_summaries(x_test)
        cells = [_test_accuracy(rival, summaries, y, summaries_test, y_test) for rival in (logistic, boosted)]
        raw = ""
        if len({len(values) for values in (*x, *x_test)}) == 1:
            flat, flat_test = (np.array([values.ravel() for values in some]) for some in (x, x_test))
            raw = _test_accuracy(logistic, flat, y, flat_test, y_test)
        rows.append([name, spread(scores), *cells, raw, published, spread([seconds for _, seconds in networks], 0)])
        tell(rows[-1])
    header = ["accuracy", "memcell", "logistic on summaries", "boosted on summaries", "logistic on raw values",
              "best published", "memcell, seconds"]  # fmt: skip
    yield markdown(header, rows)


def _test_accuracy(rival: Any, x: Array, y: Array, x_test: Array, y_test: Array) -> str:
    return f"{np.mean(rival(x, y, 'accuracy').predict(x_test) == y_test):.3f}"


def covid(effort: Effort) -> Iterator[str]:
    """A number of each of a few short series."""
    x, y, x_test, y_test = ucr("Covid3Month")

    def rmse(found: Array) -> float:
        return float(np.sqrt(np.mean((found - y_test) ** 2)))

    summaries, summaries_test = series_summaries(x), series_summaries(x_test)
    flat, flat_test = (np.array([values.ravel() for values in some]) for some in (x, x_test))
    networks = [timed(lambda: SequenceRegressor(**effort.options, seed=seed).fit(x, y)) for seed in effort.seeds]  # noqa: B023
    rows = [
        ["memcell", spread([rmse(one.predict(x_test)) for one, _ in networks], 4),
         spread([seconds for _, seconds in networks], 0)],
        ["ridge on summaries", f"{rmse(ridge(summaries, y).predict(summaries_test)):.4f}", ""],
        ["ridge on raw values", f"{rmse(ridge(flat, y).predict(flat_test)):.4f}", ""],
        ["always the mean", f"{rmse(np.full(len(y_test), y.mean())):.4f}", ""],
    ]  # fmt: skip
    yield markdown(["Covid3Month", "RMSE", "seconds"], rows)


PARTS: dict[str, Callable[[Effort], Iterator[str]]] = {
    "physionet": physionet, "har": har, "ucr": archives, "covid": covid, "mechanisms": mechanisms, "grid": grid,
    "long": long,
}  # fmt: skip


def main() -> None:
    """Run the parts and print them as they are done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help="which parts; all if none is named")
    parser.add_argument("--folds", type=int, default=5, help="how many of the five folds, and of the three seeds")
    parser.add_argument("--quick", action="store_true", help="a tenth of the data and one epoch: does it run?")
    options = parser.parse_args()
    unknown = [part for part in options.parts if part not in PARTS]
    if unknown:
        parser.error(f"there is no part {unknown[0]!r}; choose from {', '.join(PARTS)}")
    warnings.filterwarnings("ignore", category=UserWarning)  # what memcell notes of these tables is known
    warnings.filterwarnings("ignore", category=ConvergenceWarning)
    torch.set_num_threads(1)
    print(f"{machine('torch', 'scikit-learn')}; load {load():.1f} before.\n", flush=True)
    for part in options.parts or PARTS:
        start = time.perf_counter()
        for text in PARTS[part](Effort(options.folds, options.quick)):
            print(text + "\n", flush=True)
        print(f"{part}: {time.perf_counter() - start:.0f} s, load {load():.1f} after.\n", flush=True)


if __name__ == "__main__":
    main()
