"""How missing values, categories and words are written."""

from __future__ import annotations

import re

__all__ = ["MISSING", "MISSING_NUMBER", "category", "words_in"]

MISSING = ("", "na", "n/a", "nan", "null", "#n/a", "<na>")
"""What stands for a missing value in text, in lower case."""

MISSING_NUMBER = ("?", "-", "--", ".", "*", "missing")
"""What stands for one among numbers, too."""

_WHOLE = re.compile(r"-?[0-9]+\.0+")
_WORD = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]|[^\W\u3040-\u30ff\u4e00-\u9fff]+")
"""A run of letters and digits, or one sign of a script that is written without spaces."""


def category(text: str) -> str:
    """A category as it is called, whatever wrote it: 1.0 is 1, and True is true.

    Example:
        >>> category("1.0"), category(" TRUE"), category("1.5")
        ('1', 'true', '1.5')
    """
    text = text.strip()
    if _WHOLE.fullmatch(text):
        return text.partition(".")[0]
    return text.lower() if text.lower() in ("true", "false") else text


def words_in(text: str) -> list[str]:
    """The different words of a text, in lower case and in order."""
    return sorted(set(_WORD.findall(text.lower())))
