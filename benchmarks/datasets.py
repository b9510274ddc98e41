"""Real sequences as tables and arrays, read from the folder that MEMCELL_DATA names, and the folds to report on.

Nothing is cleaned: impossible values, doubled stamps and uneven gaps are the difficulty of these sets.
"""

import os
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.model_selection import GroupKFold, StratifiedKFold

__all__ = [
    "ClinicalStays",
    "Fold",
    "co2",
    "group_folds",
    "har_rfid",
    "physionet2012",
    "sentences",
    "stratified_folds",
    "ucr",
]

Fold = tuple[np.ndarray, np.ndarray]

GENERAL = ("Age", "Gender", "Height", "ICUType", "Weight")
ACTIVITIES = {1: "sit on bed", 2: "sit on chair", 3: "lying", 4: "ambulating"}


@dataclass(frozen=True)
class ClinicalStays:
    """Stays in intensive care: what was measured when, what was known on admission, and who died in hospital.

    ``events`` has the columns stay, hour, variable and value, in the order of stays and hours; ``static`` one row a
    stay: stay, Age, Gender, Height, ICUType and Weight, null where unknown; ``outcomes`` one row a stay, in the same
    order: stay and died, 0 or 1.
    """

    events: pl.DataFrame
    static: pl.DataFrame
    outcomes: pl.DataFrame


def physionet2012() -> ClinicalStays:
    """The first 48 hours of 4,000 stays, in three of which nothing was ever measured.

    The descriptors at 00:00 are static, the weight on admission among them; a weight taken later is an event.
    """
    folder = _folder("physionet2012")
    with tarfile.open(folder / "set-a.tar.gz") as archive:
        files = [archive.extractfile(member) for member in archive if member.isfile()]
        records = [file.read().partition(b"\n")[2] for file in files if file is not None]
    columns = {"clock": pl.String, "variable": pl.String, "value": pl.Float64}
    rows = pl.read_csv(b"".join(records), has_header=False, schema=columns).select(
        pl.when(pl.col.variable == "RecordID").then("value").forward_fill().cast(pl.Int64).alias("stay"),
        (pl.col.clock.str.head(2).cast(pl.Float64) + pl.col.clock.str.tail(2).cast(pl.Float64) / 60).alias("hour"),
        "variable",
        "value",
    )
    outcomes = pl.read_csv(folder / "Outcomes-a.txt").select(stay="RecordID", died="In-hospital_death").sort("stay")
    on_admission = (pl.col.hour == 0) & pl.col.variable.is_in(GENERAL)
    static = (
        rows.filter(on_admission)
        .with_columns(pl.col.value.replace(-1.0, None))
        .pivot("variable", index="stay", values="value")
        .select(
            "stay",
            "Age",
            pl.col.Gender.replace_strict({0.0: "female", 1.0: "male"}, return_dtype=pl.String),
            "Height",
            pl.format("ICU{}", pl.col.ICUType.cast(pl.Int64)).alias("ICUType"),
            "Weight",
        )
    )
    events = rows.filter(~on_admission, pl.col.variable != "RecordID").sort("stay", "hour", maintain_order=True)
    return ClinicalStays(events, outcomes.select("stay").join(static, on="stay", maintain_order="left"), outcomes)


def har_rfid() -> pl.DataFrame:
    """39,353 readings of a worn sensor in 50 trials: trial, time in s, accelerations in g, radio channels, activity."""
    columns = ["time", "frontal", "vertical", "lateral", "antenna", "rssi", "phase", "frequency", "label"]
    schema = {name: pl.Int64 if name in ("antenna", "label") else pl.Float64 for name in columns}
    trials = [
        pl.read_csv(path, has_header=False, schema=schema).select(pl.lit(path.name).alias("trial"), *columns)
        for path in sorted(_folder("har_rfid/S1_Dataset").glob("d1p*"))
    ]
    return pl.concat(trials).with_columns(
        pl.format("a{}", "antenna").alias("antenna"),
        pl.col.label.replace_strict(ACTIVITIES, return_dtype=pl.String),
    )


def ucr(name: str) -> tuple[list[np.ndarray], np.ndarray, list[np.ndarray], np.ndarray]:
    """Series [T_i, C] and labels of the training file, then of the test file; NaN where a value is missing.

    Labels are text, or numbers where the set is one of regression.
    """
    folder = _folder(f"ucr_uea/{name}")
    return *_ts_file(folder / f"{name}_TRAIN.ts"), *_ts_file(folder / f"{name}_TEST.ts")


def co2() -> tuple[np.ndarray, np.ndarray]:
    """Days, a week apart, and the CO2 in the air of Mauna Loa on them in ppm, NaN where it was not measured."""
    table = pl.read_csv(_folder("classics/co2") / "co2.csv", schema={"date": pl.String, "co2": pl.Float64})
    return table["date"].str.to_date("%Y%m%d").to_numpy(), table["co2"].fill_null(np.nan).to_numpy()


def sentences(part: str) -> pl.DataFrame:
    """Sentences about films, of the ``"train"`` or ``"test"`` file of SST-2: a word a row, in the columns sentence,
    place and word, and label, 1 where it praises."""
    lines = (_folder("sst2") / f"{part}.tsv").read_text(encoding="utf-8").splitlines()
    text, label = zip(*(line.split("\t") for line in lines), strict=True)
    table = pl.DataFrame({"sentence": range(len(lines)), "word": text, "label": label})
    words = table.with_columns(pl.col("word").str.split(" ")).explode("word")
    return words.with_columns(pl.int_range(pl.len()).over("sentence").alias("place"))


def stratified_folds(y: np.ndarray | Sequence, k: int = 5, seed: int = 0) -> list[Fold]:
    """k pairs of training and test rows, each with the classes in about the same shares."""
    splitter = StratifiedKFold(k, shuffle=True, random_state=seed)
    return list(splitter.split(np.zeros(len(y)), y))


def group_folds(groups: np.ndarray | Sequence, k: int = 5, seed: int = 0) -> list[Fold]:
    """k pairs of training and test rows, no group in both."""
    splitter = GroupKFold(k, shuffle=True, random_state=seed)
    return list(splitter.split(np.zeros(len(groups)), groups=groups))


def _folder(name: str) -> Path:
    """The folder of one set."""
    root = os.environ.get("MEMCELL_DATA")
    if not root:
        raise FileNotFoundError(f"MEMCELL_DATA is not set; it names the folder that holds {name}")
    folder = Path(root) / name
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder; MEMCELL_DATA={root} should hold {name}")
    return folder


def _ts_file(path: Path) -> tuple[list[np.ndarray], np.ndarray]:
    """Series and labels of one file: channels apart by ':', values by ',', the label last."""
    lines = path.read_text().splitlines()
    cases = [line.split(":") for line in lines if line.strip() and line[0] not in "#%@"]
    series = [np.array([_numbers(channel) for channel in channels]).T for *channels, _ in cases]
    labels = np.array([label.strip() for *_, label in cases])
    regression = any(line.lower().split() == ["@targetlabel", "true"] for line in lines)
    return series, labels.astype(np.float64) if regression else labels


def _numbers(channel: str) -> list[float]:
    return [np.nan if value.strip() == "?" else float(value) for value in channel.split(",")]
