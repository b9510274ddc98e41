"""The weekly CO2 series of Mauna Loa, 59 weeks of it missing, forecast a year ahead by memcell and four rivals.

Run with ``make demo``. One model is trained on the first nine tenths, saved, loaded again, and asked for a forecast
every 13 weeks over the last tenth, each time from the rows before. Prints the errors, writes the model and a picture.
"""

import argparse
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # a demo must also run where there is no screen
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import statsmodels.api as sm
from matplotlib.ticker import MultipleLocator
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from statsmodels.tools.sm_exceptions import ConvergenceWarning
from statsmodels.tsa.holtwinters import ExponentialSmoothing

import memcell
from memcell.sklearn import SequenceForecaster

Array = NDArray[np.float64]

SEASON = 52  # weeks; also the horizon
ORIGINS_APART = 13
TRAINING_SHARE = 0.9
INK, BLUE, RED = "#1f2933", "#2a7de1", "#e4572e"


def seasonal_naive(history: Array) -> Array:
    """Last year again.

    Like every rival: from a history without gaps, [T], the SEASON weeks that follow.
    """
    return history[-SEASON:]


def seasonal_naive_with_last_drift(history: Array) -> Array:
    """Last year again, raised by what the mean of the last year exceeds that of the year before."""
    return history[-SEASON:] + (history[-SEASON:].mean() - history[-2 * SEASON : -SEASON].mean())


def seasonal_naive_with_mean_drift(history: Array) -> Array:
    """Last year again, raised by the mean change over a year in the whole history."""
    return history[-SEASON:] + np.mean(history[SEASON:] - history[:-SEASON])


def holt_winters(history: Array) -> Array:
    """Exponential smoothing with additive trend and season, fitted to the history."""
    with warnings.catch_warnings():
        # Its optimiser often stops at its limit of iterations; the forecasts are good all the same.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = ExponentialSmoothing(history, trend="add", seasonal="add", seasonal_periods=SEASON).fit()
    return np.asarray(model.forecast(SEASON))


RIVALS: dict[str, Callable[[Array], Array]] = {
    "seasonal naive": seasonal_naive,
    "seasonal naive, last drift": seasonal_naive_with_last_drift,
    "seasonal naive, mean drift": seasonal_naive_with_mean_drift,
    "Holt-Winters": holt_winters,
}


def without_gaps(history: Array) -> Array:
    """The history with gaps interpolated; a gap at its end takes the last value, for what follows is not known yet."""
    weeks = np.arange(len(history))
    known = ~np.isnan(history)
    return np.interp(weeks, weeks[known], history[known])


def yearly_change(training: Array) -> float:
    """Mean absolute difference of observed values a season apart: the unit of MASE."""
    return float(np.nanmean(np.abs(training[SEASON:] - training[:-SEASON])))


def mase(forecasts: Array, truth: Array, scale: float) -> float:
    """Mean absolute scaled error over the observed part of the truth (Hyndman and Koehler 2006)."""
    return float(np.nanmean(np.abs(forecasts - truth))) / scale


def coverage(low: Array, high: Array, truth: Array) -> float:
    """Share of the observed truth that lies within the band."""
    known = ~np.isnan(truth)
    return float(((low <= truth) & (truth <= high))[known].mean())


@dataclass(frozen=True)
class Trial:
    """The series and where it is cut.

    Attributes:
        frame: columns ``date`` and ``co2`` (ppm), one row a week.
        training: rows to train on.
        origins: numbers of rows that each forecast may see.
    """

    frame: pd.DataFrame
    training: int
    origins: Sequence[int]

    @property
    def dates(self) -> NDArray[np.datetime64]:
        """[T]"""
        return self.frame["date"].to_numpy()

    @property
    def co2(self) -> Array:
        """[T] in ppm, NaN where missing."""
        return self.frame["co2"].to_numpy(np.float64)

    @property
    def truth(self) -> Array:
        """[origins, SEASON]: what each forecast should have said."""
        return np.stack([self.co2[origin : origin + SEASON] for origin in self.origins])


def load_trial() -> Trial:
    """The series that statsmodels carries, cut."""
    frame = sm.datasets.co2.load_pandas().data.rename_axis("date").reset_index()
    training = int(TRAINING_SHARE * len(frame))
    return Trial(frame, training, range(training, len(frame) - SEASON + 1, ORIGINS_APART))


def train(trial: Trial, path: Path, seed: int) -> float:
    """Train on the first part of the series and save the model; the seconds that took."""
    start = time.perf_counter()
    forecaster = SequenceForecaster(horizon=SEASON, seed=seed)
    forecaster.fit(memcell.read(trial.frame[: trial.training], time="date"))
    forecaster.save(path, overwrite=True)
    return time.perf_counter() - start


def forecast_from_file(trial: Trial, path: Path) -> Array:
    """Quantiles 0.1, 0.5 and 0.9, [origins, SEASON, 3], each forecast from the rows before its origin alone."""
    model = memcell.load(path)
    histories = [memcell.read(trial.frame[:origin], time="date")[0] for origin in trial.origins]
    return np.stack([forecast.quantiles for forecast in model.predict(histories)])


def table_of(trial: Trial, quantiles: Array, seconds: float) -> Table:
    """The errors of all, the rivals' forecasts made on the way."""
    scale = yearly_change(trial.co2[: trial.training])
    low, median, high = np.moveaxis(quantiles, -1, 0)
    table = Table(
        title=f"CO2 at Mauna Loa, {SEASON} weeks ahead from {len(trial.origins)} origins",
        caption=f"MASE 1 is {scale:.2f} ppm, the mean yearly change in training",
    )
    table.add_column("forecast")
    for name in ("MASE", "80 % band covers", "training"):
        table.add_column(name, justify="right")
    for name, rival in RIVALS.items():
        forecasts = np.stack([rival(without_gaps(trial.co2[:origin])) for origin in trial.origins])
        table.add_row(name, f"{mase(forecasts, trial.truth, scale):.2f}", "-", "-")
    table.add_section()
    table.add_row(
        "memcell",
        f"{mase(median, trial.truth, scale):.2f}",
        f"{coverage(low, high, trial.truth):.2f}",
        f"{seconds:.0f} s",
        style="bold green",
    )
    return table


def draw(trial: Trial, quantiles: Array, path: Path) -> None:
    """The picture: the whole series with its missing weeks, and a year's forecast each year over the last tenth."""
    figure, (above, below) = plt.subplots(2, 1, figsize=(10, 5.8), height_ratios=(1, 2.2), layout="constrained")
    _draw_series(above, trial)
    _draw_forecasts(below, trial, quantiles)
    for axes in (above, below):
        axes.set_ylabel("CO$_2$ [ppm]")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", alpha=0.25)
        axes.margins(x=0.01)
    figure.align_ylabels()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _draw_series(axes: Any, trial: Trial) -> None:
    missing = np.isnan(trial.co2)
    # Strokes over the full height: a week is less than a pixel wide, too little for shading to show.
    axes.vlines(
        trial.dates[missing], 0, 1, transform=axes.get_xaxis_transform(), color=RED, alpha=0.55, linewidth=1,
        label=f"missing ({missing.sum()} weeks)",
    )  # fmt: skip
    axes.plot(trial.dates, trial.co2, color=INK, linewidth=0.9, label="observed")
    axes.axvspan(trial.dates[trial.training], trial.dates[-1], color=BLUE, alpha=0.15, linewidth=0, label="held out")
    axes.set_title(f"CO$_2$ at Mauna Loa, {len(missing)} weeks", loc="left", fontweight="bold")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False, fontsize=9.5)


def _draw_forecasts(axes: Any, trial: Trial, quantiles: Array) -> None:
    shown = range(0, len(trial.origins), SEASON // ORIGINS_APART)  # one after the other, without overlap
    first = trial.training - 2 * SEASON
    for number in shown:
        origin = trial.origins[number]
        dates = trial.dates[origin : origin + SEASON]
        low, median, high = quantiles[number].T
        axes.fill_between(dates, low, high, color=BLUE, alpha=0.28, linewidth=0, label="80 % band")
        axes.plot(dates, median, color=BLUE, linewidth=1.8, label="median")
        axes.axvline(dates[0], color="grey", linewidth=0.9, linestyle=":", label="forecast made")
    axes.plot(trial.dates[first:], trial.co2[first:], ".", color=INK, markersize=3.2, label="observed")
    axes.yaxis.set_major_locator(MultipleLocator(5))
    axes.set_xlabel("year")
    axes.set_title(
        f"Forecast {SEASON} weeks ahead, from the weeks before each dotted line alone", loc="left", fontweight="bold"
    )
    handles, labels = axes.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))  # every forecast brings the same three
    axes.legend(once.values(), once.keys(), loc="lower right", ncols=2, framealpha=1, edgecolor="none", fontsize=9.5)


def main() -> None:
    """The demo from beginning to end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("demo_output"), help="folder for model and picture")
    parser.add_argument("--seed", type=int, default=0, help="of the training")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    model_path, picture_path = options.out / "co2.memcell", options.out / "co2.png"

    trial = load_trial()
    console = Console()
    console.print(f"{len(trial.frame)} weeks, {np.isnan(trial.co2).sum()} of them missing; training on the first 90 %.")
    seconds = train(trial, model_path, options.seed)
    quantiles = forecast_from_file(trial, model_path)
    with console.status("Holt-Winters is fitted anew at each origin"):
        table = table_of(trial, quantiles, seconds)
    draw(trial, quantiles, picture_path)
    console.print(table)
    console.print(f"Picture: {picture_path}\nModel:   {model_path}", soft_wrap=True)


if __name__ == "__main__":
    main()
