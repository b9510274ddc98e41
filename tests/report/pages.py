"""Reports of models with random weights on mixed series, and what a page is made of."""

from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
from model.mixed_models import MIXED, mixed_series
from model.random_models import forecaster, series_of

from memcell import Series
from memcell.model import Model

SECTIONS = ("learning", "scores", "outcomes", "missing", "influence", "examples")
_VOID = {"meta", "link", "br", "img", "hr", "input"}


@dataclass
class Page(HTMLParser):
    """A page as a parser sees it: text, elements with their attributes, ids of sections, rows of tables."""

    text: str = ""
    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    stack: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.stack.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.stack and self.stack[-1] in ("td", "th", "b") and self.rows:
            self.rows[-1][-1] += data

    @classmethod
    def of(cls, html: str) -> "Page":
        """The page of a text whose elements are all closed."""
        page = cls()
        page.feed(html)
        page.close()
        assert page.stack == []
        return page

    @property
    def sections(self) -> tuple[str | None, ...]:
        """Their names, in order."""
        return tuple(attributes["id"] for tag, attributes in self.elements if tag == "section")

    def row(self, name: str) -> list[str]:
        """The cells of a table's row after its name."""
        return next(row[1:] for row in self.rows if row and row[0] == name)


def with_target(model: Model, rng: np.random.Generator, one: Series) -> Series:
    """The series with a random target of the kind the model learns."""
    if model.task == "tag":
        tags: Any = np.empty(len(one), object)
        tags[:] = [model.classes[rng.integers(len(model.classes))] if rng.random() < 0.8 else None for _ in tags]
        return replace(one, tags=tags)
    if model.task == "multilabel":
        return replace(one, label=tuple(int(bit) for bit in rng.integers(0, 2, 2)))
    if model.task == "regress":
        return replace(one, label=(float(rng.normal(3, 2)), float(rng.normal(10, 4))))
    return replace(one, label=model.classes[rng.integers(len(model.classes))])


def mixed(name: str, count: int = 24, seed: int = 5, targets: bool = True) -> tuple[Model, list[Series]]:
    """A model of mixed data and series for it, one of them without rows."""
    model, rng = MIXED[name](), np.random.default_rng(seed)
    series = [mixed_series(rng, int(rng.integers(1, 20)) if k else 0, f"s{k}", k % 4 > 0) for k in range(count)]
    return model, [with_target(model, rng, one) for one in series] if targets else series


def forecasts(kind: Any = "number") -> tuple[Model, list[Series]]:
    """A forecaster and series for it, some too short."""
    rng = np.random.default_rng(4)
    return forecaster(kind), [series_of(rng, length, kind, "even", id=length) for length in (60, 2, 1, 30, 50)]
