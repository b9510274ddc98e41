"""Lies here so that pytest puts tests/ on the import path: other rooms share the table in ``backends.cases``."""

import os

# Before anything loads OpenMP, and for the processes that tests start: threads that spin while they wait for each other
# make the smallest layers crawl where a neighbour takes a core.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
