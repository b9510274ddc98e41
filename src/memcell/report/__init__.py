"""One page on a model: what it is, how good it is on some series, and what its answers hang on."""

from memcell.report.document import write_report

__all__ = ["write_report"]
