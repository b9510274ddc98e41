"""Times as text."""

import numpy as np

from memcell.data import format_times


def test_dates_are_written_as_short_as_they_are():
    assert format_times([0.0, 86400.0], "date", date_only=True) == ["1970-01-01", "1970-01-02"]
    assert format_times([0.0, 86400.0], "date", date_only=False) == ["1970-01-01 00:00:00", "1970-01-02 00:00:00"]
    assert format_times([-0.5], "date", date_only=False) == ["1969-12-31 23:59:59.500000"]


def test_a_time_of_day_is_never_lost():
    assert format_times([0.0, 3600.0], "date", date_only=True) == ["1970-01-01 00:00:00", "1970-01-01 01:00:00"]


def test_numbers_and_order_stay_numbers():
    np.testing.assert_array_equal(format_times([0.5, 1], "number", date_only=False), [0.5, 1.0])
    order = np.asarray(format_times([0.0, 1.0], "order", date_only=False))
    assert order.dtype == np.int64


def test_no_times():
    assert format_times([], "date", date_only=True) == []
