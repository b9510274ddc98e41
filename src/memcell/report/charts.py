"""Charts as SVG written by hand: panels of lines, dots and bands; bars; heat maps. Colours come from the page."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memcell.report.axes import Scale, date_ticks, number_ticks, range_of, texts_of, ticks_of
from memcell.report.page import Html, escaped, short

__all__ = ["Line", "Panel", "bars", "heat", "panels"]

WIDTH = 360  # as wide as a phone, so that there a unit is a pixel and text of size 11 is read as such
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 10, 18, 20
_MOST_POINTS = 600
_NAMES = 118  # room for names beside bars and heat maps
_NAME_LENGTH = 18


@dataclass(frozen=True)
class Line:
    """Something to draw in a panel.

    Attributes:
        name: in the legend; lines of one name share an entry, and "" has none.
        x, y: points, NaN where there is none.
        colour: 1 to 6.
        style: ``"line"``, ``"thin"``, ``"dashed"``, ``"dots"``, ``"line-dots"``.
        low, high: of a band around a line, or of the whisker of each dot.
    """

    name: str
    x: ArrayLike
    y: ArrayLike
    colour: int = 1
    style: str = "line"
    low: ArrayLike | None = None
    high: ArrayLike | None = None


@dataclass(frozen=True)
class Panel:
    """Lines over one pair of axes.

    Attributes:
        label: what y is.
        lines: in the order in which they are drawn.
        height: of the axes.
        y_range: lowest and highest y; None: of the lines.
        y_names: text in place of numbers, by y.
    """

    label: str
    lines: Sequence[Line]
    height: int = 170
    y_range: tuple[float, float] | None = None
    y_names: Mapping[float, str] | None = None


def panels(
    title: str,
    drawn: Sequence[Panel],
    x_label: str,
    dates: bool = False,
    x_range: tuple[float, float] | None = None,
    about: str = "",
) -> Html:
    """Panels under each other that share the x axis, as a figure with a legend.

    Args:
        title: of the figure.
        drawn: the panels.
        x_label: what x is.
        dates: x is seconds since 1970, shown as dates.
        x_range: lowest and highest x; None: of the lines.
        about: what those who cannot see the picture are told beside the title.
    """
    x_low, x_high = x_range or range_of([line.x for panel in drawn for line in panel.lines], margin=0.0)
    across = Scale(x_low, x_high, _LEFT, WIDTH - _RIGHT)
    parts: list[str] = []
    top = 0
    whole = all((np.mod(line.x, 1) == 0).all() for panel in drawn for line in panel.lines)
    ticks, names = date_ticks(x_low, x_high) if dates else number_ticks(x_low, x_high, whole)
    for panel in drawn:
        bottom = top + _TOP + panel.height
        parts.append(_panel(panel, across, ticks, top + _TOP, bottom))
        top = bottom + 6
    below = top - 6 + 14
    for tick, name in zip(ticks, names, strict=True):
        x = float(across(tick))
        anchor = "end" if x > WIDTH - 40 else "middle"
        parts.append(_text(min(x, WIDTH - 2) if anchor == "end" else x, below, name, anchor))
    parts.append(_text((_LEFT + WIDTH - _RIGHT) / 2, below + 15, short(x_label, 48), "middle"))
    legend = _legend([line for panel in drawn for line in panel.lines])
    return _figure(title, parts, below + _BOTTOM, about or ", ".join(panel.label for panel in drawn), legend)


def bars(title: str, rows: Sequence[tuple[str, float, str]], most: float | None = None) -> Html:
    """A bar for each name, with its text behind it; ``most`` is the longest bar's value."""
    longest = max([value for _, value, _ in rows if math.isfinite(value)], default=0.0) if most is None else most
    room = WIDTH - _NAMES - 60
    parts: list[str] = []
    for k, (name, value, text) in enumerate(rows):
        y = 20 * k
        share = min(max(value / longest, 0.0), 1.0) if longest > 0 and math.isfinite(value) else 0.0
        parts.append(
            f"<g><title>{escaped(name)}: {escaped(text)}</title>"
            f"{_text(_NAMES - 6, y + 14, short(name, _NAME_LENGTH), 'end', strong=True)}"
            f'<rect x="{_NAMES}" y="{y + 4}" width="{room * share:.1f}" height="13" rx="2" fill="var(--c1)"/>'
            f"{_text(_NAMES + room * share + 5, y + 14, text, 'start')}</g>"
        )
    told = "; ".join(f"{name}: {text}" for name, _, text in rows)
    return _figure(title, parts, 20 * len(rows) + 4, told)


def heat(
    title: str,
    rows: Sequence[str],
    shares: NDArray[Any],
    texts: Sequence[Sequence[str]] | None = None,
    columns: Sequence[str] | None = None,
    below: tuple[str, str] = ("", ""),
    about: str = "",
) -> Html:
    """Cells [rows, columns] from empty (0) to full (1), blank where NaN.

    Args:
        title: of the figure.
        rows: names.
        shares: how full each cell is.
        texts: what stands in each cell.
        columns: names over the columns.
        below: what stands below the first and the last column.
        about: what those who cannot see the picture are told.
    """
    count = shares.shape[1]
    wide = (WIDTH - _NAMES - 2) / max(count, 1)
    tall = 26 if texts else 16
    top = 18 if columns else 2
    fitting = max(3, int(wide / 6.2))
    parts = [
        f"<g><title>{escaped(name)}</title>{_text(_NAMES + (c + 0.5) * wide, 12, short(name, fitting), 'middle')}</g>"
        for c, name in enumerate(columns or ())
    ]
    for r, name in enumerate(rows):
        y = top + r * tall
        parts.append(_text(_NAMES - 6, y + tall / 2 + 4, short(name, _NAME_LENGTH), "end", strong=True))
        for c in range(count):
            share = float(shares[r, c])
            if math.isnan(share):
                continue
            said = texts[r][c] if texts else f"{100 * share:.0f} %"
            place = f'x="{_NAMES + c * wide:.1f}" y="{y}" width="{wide - 1:.1f}" height="{tall - 1}"'
            parts.append(f'<rect {place} fill="var(--c1)" fill-opacity="{0.05 + 0.6 * share:.2f}"/>')
            if texts:
                parts.append(_text(_NAMES + (c + 0.5) * wide, y + tall / 2 + 4, said, "middle", strong=True))
    end = top + len(rows) * tall
    if any(below):
        parts += [_text(_NAMES, end + 12, below[0], "start"), _text(WIDTH - 2, end + 12, below[1], "end")]
        end += 16
    return _figure(title, parts, end + 2, about)


def _figure(title: str, parts: Sequence[str], height: float, about: str, legend: str = "") -> Html:
    told = f"{title}. {short(about, 600)}" if about else title
    return Html(
        f'<figure><figcaption>{escaped(title)}</figcaption><svg viewBox="0 0 {WIDTH} {height:.0f}" role="img">'
        f"<title>{escaped(told)}</title>{''.join(parts)}</svg>{legend}</figure>"
    )


def _text(x: float, y: float, text: str, anchor: str, strong: bool = False) -> str:
    kind = ' class="strong"' if strong else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind}>{escaped(text)}</text>'


def _panel(panel: Panel, across: Scale, x_ticks: NDArray[np.float64], top: float, bottom: float) -> str:
    every = [one for line in panel.lines for one in (line.y, line.low, line.high) if one is not None]
    low, high = panel.y_range or range_of(every)
    up = Scale(low, high, bottom, top)
    named = panel.y_names or {}
    ticks = np.array(sorted(named)) if named else ticks_of(low, high, max(3, round((bottom - top) / 40)))
    names = [named[tick] for tick in ticks] if named else texts_of(ticks)
    parts = [_text(_LEFT, top - 6, short(panel.label, 48), "start", strong=True)]
    for tick, name in zip(ticks, names, strict=True):
        y = float(up(tick))
        parts.append(f'<path class="rule" d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}"/>')
        parts.append(_text(_LEFT - 5, y + 4, short(name, 7), "end"))
    parts += [f'<path class="rule" d="M{float(across(x)):.1f} {bottom:.1f}v4"/>' for x in x_ticks]
    parts += [_band(line, across, up) for line in panel.lines if line.low is not None and "dots" not in line.style]
    parts += [_marks(line, across, up) for line in panel.lines]
    return "".join(parts)


def _points(line: Line, *others: ArrayLike | None) -> list[NDArray[np.float64]]:
    """x, y and what goes with them, evenly thinned."""
    x, *rest = (np.asarray(one, np.float64) for one in (line.x, line.y, *others) if one is not None)
    if len(x) > _MOST_POINTS:
        kept = np.linspace(0, len(x) - 1, _MOST_POINTS).round().astype(np.int64)
        return [x[kept], *(one[kept] for one in rest)]
    return [x, *rest]


def _band(line: Line, across: Scale, up: Scale) -> str:
    x, _, low, high = _points(line, line.low, line.high)
    areas: list[str] = []
    for run in _runs(np.isfinite(x + low + high)):
        there = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across(x[run]), up(high[run]), strict=True))
        back = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across(x[run][::-1]), up(low[run][::-1]), strict=True))
        areas.append(f'<polygon points="{there} {back}" fill="var(--c{line.colour})" fill-opacity=".2"/>')
    return "".join(areas)


def _marks(line: Line, across: Scale, up: Scale) -> str:
    colour, parts = f"var(--c{line.colour})", []
    if line.style != "dots":
        x, y = _points(line)
        path = "".join(
            "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(across(x[run]), up(y[run]), strict=True))
            for run in _runs(np.isfinite(x + y))
        )
        parts.append(f'<path class="line {line.style}" stroke="{colour}" d="{path}"/>' if path else "")
    if "dots" in line.style:
        x, y, *whiskers = _points(line, line.low, line.high)
        known = np.isfinite(x + y)
        if whiskers:
            low, high = (up(one[known]) for one in whiskers)
            stems = "".join(
                f"M{a:.1f} {b:.1f}V{c:.1f}" for a, b, c in zip(across(x[known]), low, high, strict=True)
                if math.isfinite(b + c)
            )  # fmt: skip
            parts.append(f'<path class="line thin" stroke-opacity=".45" stroke="{colour}" d="{stems}"/>')
        size = 2.4 if known.sum() < 150 else 1.8
        spots = "".join(
            f'<circle cx="{a:.1f}" cy="{b:.1f}" r="{size}"/>'
            for a, b in zip(across(x[known]), up(y[known]), strict=True)
        )
        parts.append(f'<g fill="{colour}">{spots}</g>' if spots else "")
    return "".join(parts)


def _runs(known: NDArray[np.bool_]) -> list[slice]:
    """The stretches in which all are known."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(np.int8)))
    return [slice(begin, end) for begin, end in zip(edges[::2], edges[1::2], strict=True)]


def _legend(lines: Sequence[Line]) -> str:
    entries: dict[str, Line] = {}
    for line in lines:
        if line.name:
            entries.setdefault(line.name, line)
    if not entries:
        return ""
    shown = "".join(f"<span>{_sample(line)}{escaped(short(name, 40))}</span>" for name, line in entries.items())
    return f'<div class="legend">{shown}</div>'


def _sample(line: Line) -> str:
    colour = f"var(--c{line.colour})"
    band = (
        f'<path d="M0 0H22V10H0Z" fill="{colour}" fill-opacity=".2"/>'
        if line.low is not None and "dots" not in line.style
        else ""
    )
    stroke = "" if line.style == "dots" else f'<path class="line {line.style}" stroke="{colour}" d="M0 5H22"/>'
    dot = f'<circle cx="11" cy="5" r="2.6" fill="{colour}"/>' if "dots" in line.style else ""
    return f'<svg viewBox="0 0 22 10" aria-hidden="true">{band}{stroke}{dot}</svg>'
