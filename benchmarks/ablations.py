"""What each of memcell's mechanisms brings, and what five kinds of mess cost together.

Parts of ``accuracy.py``. Every part yields Markdown.
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from datasets import ClinicalStays, co2, group_folds, har_rfid, physionet2012, sentences, ucr
from effort import Effort, spread
from lengths import adding_problem
from mess import MESS, Labelled, messy_set
from sklearn.metrics import f1_score, roc_auc_score
from timing import markdown

import memcell
from memcell.data import Series
from memcell.data.observations import Observations
from memcell.sklearn import SequenceClassifier, SequenceRegressor, SequenceTagger

__all__ = ["corrupted", "grid", "mechanisms", "read_stays"]

OF_THE_CELL = ("mask", "since", "input_decay", "state_decay", "time_decay", "facts_state", "merging")

Array = np.ndarray


def read_stays(stays: ClinicalStays) -> list[Series]:
    """The stays as memcell reads them, in the order of ``stays.outcomes``."""
    series = memcell.read(
        stays.events, id="stay", time="hour", channel="variable", value="value", static=stays.static,
        targets=stays.outcomes, label="died",
    )  # fmt: skip
    place = {stay: number for number, stay in enumerate(stays.outcomes["stay"])}
    return sorted(series, key=lambda one: place[one.id])


def corrupted(stays: ClinicalStays, share: float = 0.01, factor: float = 1e6) -> ClinicalStays:
    """The stays with some of the measured values multiplied, as by a wrong unit or a stuck key."""
    hit = np.random.default_rng(0).random(stays.events.height) < share
    events = stays.events.with_columns(pl.col.value * np.where(hit, factor, 1.0))
    return ClinicalStays(events, stays.static, stays.outcomes)


# Mechanisms


class Pair(NamedTuple):
    """A mechanism, on what it was tried, the score, and the scores with and without it, one a seed."""

    mechanism: str
    data: str
    score: str
    on: list[float]
    off: list[float]

    @property
    def row(self) -> list[str]:
        return [
            self.mechanism, self.data, self.score, spread(self.on), spread(self.off),
            spread(np.subtract(self.on, self.off)),
        ]  # fmt: skip


def mechanisms(effort: Effort) -> Iterator[str]:
    """Each mechanism against the same model without it, networks of one member."""
    parts = (
        _on_stays, _on_rows_of_stays, _on_sets, _on_sparse, _on_words, _on_sentences, _on_rows, _with_gaps,
        _among_noise, _on_cycles, _on_long_memory,
    )  # fmt: skip
    for part in parts:
        start = time.perf_counter()
        found = part(effort)
        header = ["mechanism", "data", "score", "with", "without", "difference"]
        yield markdown(header, [pair.row for pair in found]) + f"\n\n{time.perf_counter() - start:.0f} s."


def _on_stays(effort: Effort) -> list[Pair]:
    """Trained on 1,500 stays of PhysioNet 2012, another draw for each seed, tested on the other 2,500.

    What works in the cell is tried without the summaries beside it, which know much of the same.
    """
    stays = physionet2012()
    clean, dirty = read_stays(stays), read_stays(corrupted(stays))
    scores: dict[str, list[float]] = {}
    for seed in effort.seeds:
        order = np.random.default_rng(seed).permutation(len(clean))
        train, test = order[: effort.some(1500)], order[1500:]

        def auroc(series: list[Series], *without: str, seed: int = seed, train: Array = train, test: Array = test):
            estimator = SequenceClassifier(**effort.options | {"members": 1, "seed": seed, "without": without})
            estimator.fit([series[k] for k in train])
            probability = estimator.predict_proba([series[k] for k in test])[:, 1]
            return float(roc_auc_score([series[k].label for k in test], probability))

        tried = {"": auroc(clean), "dirty": auroc(dirty), "clipping": auroc(dirty, "clipping")}
        tried |= {name: auroc(clean, name) for name in ("summary", "gaps", "linear")}
        tried |= {name: auroc(clean, "summary", name) for name in OF_THE_CELL}
        tried |= {"all": auroc(clean, "summary", *OF_THE_CELL[:5])}
        for name, score in tried.items():
            scores.setdefault(name, []).append(score)
    cell = "the same, cell alone"
    return [
        Pair("summary", "PhysioNet, 1,500 stays", "AUROC", scores[""], scores["summary"]),
        Pair("gaps", "the same", "AUROC", scores[""], scores["gaps"]),
        Pair("linear", "the same", "AUROC", scores[""], scores["linear"]),
        Pair("clipping", "the same, 1 % of values x 1e6", "AUROC", scores["dirty"], scores["clipping"]),
        *(Pair(name, cell, "AUROC", scores["summary"], scores[name]) for name in OF_THE_CELL),
        Pair("the first five", cell, "AUROC", scores["summary"], scores["all"]),
    ]


def _on_rows_of_stays(effort: Effort) -> list[Pair]:
    """Whether a stay ends in death, asked at each of its rows, from the rows so far; draws as for whole stays."""
    series = [replace(one, tags=np.full(len(one), one.label)) for one in read_stays(physionet2012())]
    scores: dict[tuple[str, ...], list[float]] = {(): [], ("summary",): []}
    for seed in effort.seeds:
        order = np.random.default_rng(seed).permutation(len(series))
        train, test = ([series[k] for k in part] for part in (order[: effort.some(1500)], order[1500:]))
        for without, found in scores.items():
            tagger = SequenceTagger(**effort.options | {"members": 1, "seed": seed, "without": without}).fit(train)
            known, probability = (np.concatenate(one) for one in ([t.tags for t in test], tagger.predict_proba(test)))
            found.append(float(roc_auc_score(known.astype(int), probability[:, 1])))
    data = "PhysioNet, 1,500 stays, at each row"
    return [Pair("summary of the rows so far", data, "AUROC", *scores.values())]


def _on_sets(effort: Effort) -> list[Pair]:
    """JapaneseVowels with all of a series' values at one time: sets of them, as events or as their means."""
    x, y, x_test, y_test = ucr("JapaneseVowels")
    sets, sets_test = ([_as_set(values) for values in one] for one in (x, x_test))
    on, off = (
        [_accuracy(effort, (sets, y), (sets_test, y_test), seed=seed, events=events) for seed in effort.seeds]
        for events in (True, False)
    )
    return [Pair("events (sets)", "JapaneseVowels, all values at one time", "accuracy", on, off)]


def _as_set(values: Array) -> Series:
    rows, channels = values.shape
    seen = Observations.of(np.zeros(rows * channels), np.tile(np.arange(channels), rows), values.ravel())
    return Series(seen, np.zeros(1), tuple(f"x{c}" for c in range(channels)), time_kind="number")


def _accuracy(effort: Effort, train: Labelled, test: Labelled, **options: Any) -> float:
    estimator = SequenceClassifier(**effort.options | {"members": 1} | options).fit(*train)
    return float(np.mean(estimator.predict(test[0]) == test[1]))


def _on_and_off(effort: Effort, train: Labelled, test: Labelled, *mechanisms: str) -> list[list[float]]:
    """Accuracies with and without some mechanisms, one a seed."""
    return [
        [_accuracy(effort, train, test, seed=seed, without=without) for seed in effort.seeds]
        for without in ((), mechanisms)
    ]


def _on_sparse(effort: Effort) -> list[Pair]:
    """JapaneseVowels, a channel a row and among 200 others that are 1 % filled: as events, or as columns."""
    pairs = []
    for kinds in ({"asynchronous"}, {"asynchronous", "high-dimensional"}):
        data = messy_set("JapaneseVowels", kinds)
        on, off = (
            [_accuracy(effort, *data, seed=seed, events=events, without=("summary",)) for seed in effort.seeds]
            for events in (True, False)
        )
        pairs.append(Pair("events", f"JapaneseVowels, {', '.join(sorted(kinds))}, cell alone", "accuracy", on, off))
    return pairs


def _on_words(effort: Effort) -> list[Pair]:
    """The worn sensor: which antenna was heard, a category beside numbers, and what its numbers did lately and do soon,
    left out or not; the number of the antenna as it is written, in pieces beside itself or not; the first folds."""
    frame = har_rfid()
    coded = frame.with_columns(pl.col("antenna").str.strip_chars_start("a").cast(pl.Int64))

    def f1(frame: pl.DataFrame, *without: str, ignore: tuple[str, ...] = ()) -> list[float]:
        series = memcell.read(frame, id="trial", time="time", tag="label", ignore=ignore)
        options = effort.options | {"members": 1, "bidirectional": True, "without": without}
        found: list[float] = []
        for fold in effort.seeds:
            train, test = ([series[k] for k in part] for part in group_folds(np.arange(len(series)))[fold])
            answers = np.concatenate(SequenceTagger(**options).fit(train).predict(test))
            found.append(float(f1_score(np.concatenate([one.tags for one in test]), answers, average="macro")))
        return found

    on, bare = f1(frame), f1(frame, "sources", "categories")
    pairs = (
        (
            "categories beside numbers",
            "wearable RFID, with and without its antenna",
            on,
            f1(frame, ignore=("antenna",)),
        ),
        ("sources", "wearable RFID", on, bare),
        ("categories", "wearable RFID without sources", f1(frame, "sources"), bare),
        ("windows", "wearable RFID", on, f1(frame, "windows")),
        ("pieces", "wearable RFID", on, f1(frame, "pieces")),
        ("pieces", "wearable RFID, its antenna a number", f1(coded), f1(coded, "pieces")),
    )
    return [Pair(mechanism, data, "macro F1", with_it, without) for mechanism, data, with_it, without in pairs]


def _on_sentences(effort: Effort) -> list[Pair]:
    """1,000 sentences about films, another draw for each seed, a word a row: praise or not, of the test file."""
    every, test = (
        memcell.read(sentences(part), id="sentence", time="place", label="label") for part in ("train", "test")
    )
    on, off = (
        [
            _accuracy(effort, _labelled(every, np.random.default_rng(seed).permutation(len(every))[:1000]),
                      _labelled(test, np.arange(len(test))), seed=seed, without=without)
            for seed in effort.seeds
        ]
        for without in ((), ("words",))
    )  # fmt: skip
    return [Pair("words", "SST-2, 1,000 sentences, a word a row", "accuracy", on, off)]


def _labelled(series: list[Series], index: Array) -> Labelled:
    return [series[k] for k in index], np.array([series[k].label for k in index])


def _on_rows(effort: Effort) -> list[Pair]:
    """ItalyPowerDemand: a row is an hour of the day in every series. ArrowHead: few outlines of arrow heads.
    JapaneseVowels: twelve channels of a spectrum."""
    pairs: list[Pair] = []
    on_rows = (
        ("aligned", "ItalyPowerDemand"),
        ("shapes", "ItalyPowerDemand"),
        ("shapes", "ArrowHead"),
        ("contests", "ArrowHead"),
        ("products", "JapaneseVowels"),
    )
    for mechanism, name in on_rows:
        x, y, x_test, y_test = ucr(name)
        on, off = _on_and_off(effort, (x, y), (x_test, y_test), mechanism)
        pairs.append(Pair(mechanism, name, "accuracy", on, off))
    return pairs


def _with_gaps(effort: Effort) -> list[Pair]:
    """ArrowHead, a tenth of whose values lack, or with 150 of its 251 rows, others in each series, or beside two
    channels that are nearly empty: shapes and contests of rows whose gaps are filled, and which are brought to even
    times, of the columns that are followed."""
    x, y, x_test, y_test = ucr("ArrowHead")
    random = np.random.default_rng(0)

    def thinned(values: Array) -> Series:
        kept = np.sort(random.choice(len(values), 150, replace=False))
        return memcell.as_series([values[kept]], times=[kept])[0]

    def beside_others(values: Array) -> Array:
        return np.hstack([values, np.where(random.random((len(values), 2)) < 0.03, 1.0, np.nan)])

    missing = [[np.where(random.random(one.shape) < 0.1, np.nan, one) for one in some] for some in (x, x_test)]
    uneven = [[thinned(one) for one in some] for some in (x, x_test)]
    beside = [[beside_others(one) for one in some] for some in (x, x_test)]
    return [
        Pair("shapes and contests", f"ArrowHead, {what}", "accuracy",
             *_on_and_off(effort, (train, y), (test, y_test), "shapes", "contests"))
        for what, (train, test) in (
            ("a tenth of the values missing", missing), ("150 rows at uneven times", uneven),
            ("beside two nearly empty channels", beside),
        )
    ]  # fmt: skip


def _among_noise(effort: Effort) -> list[Pair]:
    """BasicMotions: six channels of a watch, among 300 of noise, and 40 training series."""
    x, y, x_test, y_test = ucr("BasicMotions")
    random = np.random.default_rng(0)
    x, x_test = ([np.hstack([one, random.standard_normal((len(one), 300))]) for one in some] for some in (x, x_test))
    on, off = _on_and_off(effort, (x, y), (x_test, y_test), "selection")
    return [Pair("selection", "BasicMotions, among 300 channels of noise", "accuracy", on, off)]


def _on_cycles(effort: Effort) -> list[Pair]:
    """How much CO2 changes in the quarter after eight weeks: the season tells. Tested on what comes after 1990."""
    windows, change, late = _quarters(weeks=8, ahead=13)
    train, test = np.flatnonzero(late < 0), np.flatnonzero(late > 0)

    def rmse(seed: int, cycles: Any) -> float:
        options = effort.options | {"members": 1, "seed": seed, "cycles": cycles}
        estimator = SequenceRegressor(**options).fit([windows[k] for k in train], change[train])
        return float(np.sqrt(np.mean((estimator.predict([windows[k] for k in test]) - change[test]) ** 2)))

    on, off = ([rmse(seed, cycles) for seed in effort.seeds] for cycles in ("calendar", ()))
    return [Pair("cycles", "CO2, change in 13 weeks after 8", "RMSE, ppm", on, off)]


def _quarters(weeks: int, ahead: int) -> tuple[list[Series], Array, Array]:
    """Windows of weekly CO2, the change from their last week to some weeks ahead, and -1 before 1990, 1 after."""
    dates, values = co2()
    begins = np.arange(len(values) - weeks - ahead + 1)
    last, goal = begins + weeks - 1, begins + weeks + ahead - 1
    known = ~np.isnan(values[last] + values[goal])
    begins, last, goal = begins[known], last[known], goal[known]
    parts = [slice(begin, begin + weeks) for begin in begins]
    windows = memcell.as_series([values[part] for part in parts], times=[dates[part] for part in parts])
    split = np.datetime64("1990-01-01")
    late = np.where(dates[begins] >= split, 1, np.where(dates[goal] < split, -1, 0))
    return windows, values[goal] - values[last], late


def _on_long_memory(effort: Effort) -> list[Pair]:
    """The adding problem over 200 rows: gates that start out remembering, and patches with a cell of their own."""
    train, test = adding_problem(effort.some(3000), 200, 0), adding_problem(1000, 200, 1)

    def errors(*without: str, **options: Any) -> list[float]:
        return [_error(effort, train, test, seed, ("summary", *without), **options) for seed in effort.seeds]

    patches, side_by_side, rows = errors(), errors("local"), errors("merging")
    return [
        Pair("merging (patches)", "adding problem, T=200", "MSE", patches, rows),
        Pair("local", "the same, in patches", "MSE", patches, side_by_side),
        Pair("chrono", "the same, in patches", "MSE", errors(chrono=True), patches),  # 200 rows are not long by default
    ]


def _error(effort: Effort, train: Labelled, test: Labelled, seed: int, without: tuple[str, ...], **more: Any) -> float:
    options = effort.options | {"members": 1, "seed": seed, "without": without} | more
    estimator = SequenceRegressor(**options).fit(*train)
    return float(np.mean((estimator.predict(test[0]) - test[1]) ** 2))


# All kinds of mess at once


def grid(effort: Effort) -> Iterator[str]:
    """JapaneseVowels in every combination of five kinds of mess, in training and test: accuracy, networks of one."""
    rows, clean = [], 0.0
    for chosen in sorted(product((False, True), repeat=len(MESS)), key=sum):
        kinds = {kind for kind, on in zip(MESS, chosen, strict=True) if on}
        data = messy_set("JapaneseVowels", kinds)
        start = time.perf_counter()
        accuracy = _accuracy(effort, *data)
        clean = clean or accuracy
        ticks = ["x" if on else "" for on in chosen]
        rows.append([len(rows), *ticks, f"{accuracy:.3f}", f"{clean - accuracy:.3f}",
                     f"{time.perf_counter() - start:.0f}"])  # fmt: skip
    yield markdown(["JapaneseVowels", *MESS, "accuracy", "lost", "seconds"], rows)
