"""The page's skeleton: escaped text, numbers, tables and sections, one HTML file that needs nothing else."""

import html
import math
import re
from collections.abc import Sequence
from typing import Any

from memcell.evaluation import score_text

__all__ = [
    "UNKNOWN", "Html", "bold", "details", "escaped", "number", "page", "paragraph", "score", "section", "short",
    "table",
]  # fmt: skip

UNKNOWN = "\u2013"
"""What stands where a number is not known, a dash."""

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
"""Control signs, halves of signs, and those that turn the direction of the text around them."""


class Html(str):
    """Text that is markup already; any other text is escaped before it enters the page."""

    __slots__ = ()


def plain(value: object) -> str:
    """The text of anything, on one line, with nothing in it that cannot be printed."""
    return value if isinstance(value, Html) else _UNPRINTABLE.sub("\ufffd", str(value))


def escaped(value: object) -> Html:
    """The text of anything as markup that shows it as it is."""
    return value if isinstance(value, Html) else Html(html.escape(plain(value), quote=True))


def short(value: object, most: int) -> str:
    """The text of anything, cut to ``most`` signs."""
    text = plain(value)
    return text if len(text) <= most else text[: most - 1] + "…"


def number(value: float) -> str:
    """A number for reading: three or four digits, a dash where it is not known."""
    if not math.isfinite(value):
        return UNKNOWN
    if value == int(value) and abs(value) < 1e7:
        return f"{int(value):,}"
    return f"{value:.4g}" if abs(value) >= 1e-3 else f"{value:.2g}"


def score(value: float) -> str:
    """A score as ``memcell evaluate`` prints it; a dash where it is not known."""
    return UNKNOWN if math.isnan(value) else score_text(value)


def bold(value: object) -> Html:
    """Text in bold."""
    return Html(f"<b>{escaped(value)}</b>")


def paragraph(*sentences: object, note: bool = False) -> Html:
    """Sentences as a paragraph; nothing of none."""
    text = " ".join(escaped(one) for one in sentences if one)
    kind = ' class="note"' if note else ""
    return Html(f"<p{kind}>{text}</p>") if text else Html("")


def table(head: Sequence[object], rows: Sequence[Sequence[Any]], caption: str, numbers: bool = True) -> Html:
    """A table whose first column names its rows; the others hold numbers, unless said otherwise."""
    kind = "numbers" if numbers else "words"
    top = "".join(f'<th scope="col">{escaped(one)}</th>' for one in head)
    body = "".join(
        f'<tr><th scope="row">{escaped(row[0])}</th>{"".join(f"<td>{escaped(one)}</td>" for one in row[1:])}</tr>'
        for row in rows
    )
    header = f"<thead><tr>{top}</tr></thead>" if any(head) else ""
    return Html(
        f'<div class="wide"><table class="{kind}"><caption>{escaped(caption)}</caption>{header}<tbody>{body}</tbody>'
        "</table></div>"
    )


def details(summary: str, *parts: Html) -> Html:
    """Parts that are folded away until the reader opens them."""
    return Html(f"<details><summary>{escaped(summary)}</summary>{''.join(parts)}</details>")


def section(name: str, title: str, *parts: Html) -> Html:
    """A section; pictures that follow each other stand beside each other where there is room."""
    body, row = "", ""
    for part in (*parts, Html("")):
        if part.startswith("<figure"):
            row += part
            continue
        body += f'<div class="figures">{row}</div>{part}' if row else part
        row = ""
    return Html(f'<section id="{escaped(name)}"><h2>{escaped(title)}</h2>{body}</section>')


def page(title: str, opening: Sequence[Html], sections: Sequence[Html]) -> str:
    """The whole page. It loads nothing, and its policy forbids it to."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f'<meta name="color-scheme" content="light dark"><title>{escaped(title)}</title>'
        f"<style>{_STYLE}</style></head>\n"
        f"<body><main><header><h1>{escaped(title)}</h1>{''.join(opening)}</header>\n"
        + "\n".join(sections)
        + "\n</main></body></html>\n"
    )


_STYLE = """
:root{--paper:#fff;--ink:#1b1f24;--soft:#57606a;--rule:#d5dae0;--shade:#f4f6f8;
--c1:#1f6fb4;--c2:#c8571b;--c3:#2a8657;--c4:#8a4fb0;--c5:#a07800;--c6:#5f6b76}
@media (prefers-color-scheme:dark){:root{--paper:#14171a;--ink:#e6e9ec;--soft:#a3adb7;--rule:#363c43;--shade:#1e2327;
--c1:#6cb2f2;--c2:#f0955e;--c3:#66c797;--c4:#c99be8;--c5:#dbb84a;--c6:#97a3ae}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue",Arial,sans-serif;overflow-wrap:anywhere}
main{max-width:60rem;margin:0 auto;padding:1rem}
h1{font-size:1.6rem;line-height:1.25;margin:.5rem 0 1rem}
h2{font-size:1.2rem;line-height:1.3;margin:0 0 .5rem}
section{border-top:1px solid var(--rule);margin-top:1.75rem;padding-top:1.25rem}
p{margin:.5rem 0;max-width:44rem}
.note{color:var(--soft);font-size:.9rem}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,21rem),1fr));gap:1.25rem 1.5rem;
margin:1rem 0;align-items:start}
figure{margin:0;min-width:0;max-width:34rem}
figcaption{font-weight:600;font-size:.9rem;margin-bottom:.25rem}
svg{display:block;width:100%;height:auto}
svg text{font-size:11px;fill:var(--soft)}
svg text.strong{fill:var(--ink)}
.rule{stroke:var(--rule);stroke-width:1;fill:none}
.line{fill:none;stroke-width:1.7;stroke-linejoin:round}
.thin{stroke-width:1;stroke-opacity:.75}
.dashed{stroke-dasharray:5 3}
.legend{display:flex;flex-wrap:wrap;gap:.1rem .9rem;font-size:.8rem;color:var(--soft);margin-top:.15rem}
.legend svg{display:inline-block;width:22px;height:10px;margin-right:.35rem}
.wide{overflow-x:auto;margin:1rem 0}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding-bottom:.25rem}
th,td{padding:.25rem .4rem;border-bottom:1px solid var(--rule);vertical-align:top;text-align:left}
th{font-weight:500}
thead th{color:var(--soft);font-size:.8rem;line-height:1.25;vertical-align:bottom}
.numbers td,.numbers thead th+th{text-align:right}
.numbers td{white-space:nowrap;overflow-wrap:normal}
.numbers tbody th{min-width:5.6rem}
details{margin:.75rem 0}
summary{cursor:pointer;color:var(--c1)}
@media (max-width:30rem){table{font-size:.82rem}th,td{padding:.25rem .22rem}thead th{font-size:.72rem}}
"""
