"""The environment of the tests and of the examples in docstrings, set before anything loads OpenMP or Keras."""

import os

# Threads that spin while they wait for each other make the smallest layers crawl where a neighbour takes a core.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("KERAS_BACKEND", "torch")
