"""Lies here so that pytest puts tests/ on the import path: other rooms share the table in ``backends.cases``."""

import signal
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def heeds_control_c() -> Iterator[None]:
    """A job in the background is started deaf to Ctrl-C, which some tests send."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
