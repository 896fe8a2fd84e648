from __future__ import annotations

from datetime import date, timedelta

import pytest

from seed.options import DemoOptions, latest_as_of
from server.errors import OptionError


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stores": 0}, "stores is 0. Choose a number from 1 to 1,000"),
        ({"stores": 1_001}, "stores is 1,001"),
        ({"transactions": 0}, "transactions is 0"),
        ({"customers": -1}, "customers is -1"),
        ({"products": 100_001}, "products is 100,001"),
        ({"days": 0}, "days is 0"),
        ({"random_seed": -1}, "random_seed is -1"),
        ({"stores": 200, "products": 500}, "at least 800 products"),
        ({"as_of": date(2000, 2, 1)}, "earlier than 2000-01-01"),
    ],
)
def test_value_out_of_bounds_is_refused_with_the_bounds(changes, message):
    with pytest.raises(OptionError, match=message):
        DemoOptions(**changes)


def test_sales_in_the_future_are_refused():
    with pytest.raises(OptionError, match="in the future"):
        DemoOptions(as_of=latest_as_of() + timedelta(days=1))


def test_history_ends_the_day_before_as_of():
    options = DemoOptions(as_of=date(2026, 3, 1), days=28)

    assert options.first_day == date(2026, 2, 1)
