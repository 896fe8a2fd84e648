"""What sales can be broken down by, and where the sums for it are."""

from __future__ import annotations

from enum import StrEnum

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Dimension(StrEnum):
    """What sales can be broken down by."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    HOUR = "hour"
    WEEKDAY = "weekday"
    CATEGORY = "category"
    SUBCATEGORY = "subcategory"
    BRAND = "brand"
    PRODUCT = "product"
    PRICE_BAND = "price_band"
    PAYMENT_METHOD = "payment_method"
    TRANSACTION_TYPE = "transaction_type"
    CUSTOMER_TIER = "customer_tier"
    NEW_OR_RETURNING = "new_or_returning"
    CASHIER = "cashier"
    REGISTER = "register"
    STORE = "store"

    @property
    def is_of_days(self) -> bool:
        """Whether the day alone decides the group."""
        return self in (Dimension.WEEKDAY, *SERIES)

    @property
    def is_ordered(self) -> bool:
        """Whether its groups come in an order of their own, not by what was sold."""
        return self in (Dimension.WEEKDAY, Dimension.HOUR, *SERIES)

    @property
    def is_rolled_up(self) -> bool:
        """Whether there are daily sums for it."""
        return not self.is_of_days and self not in (Dimension.NEW_OR_RETURNING, Dimension.STORE)


# Buckets that follow one another without gaps.
SERIES = (Dimension.DAY, Dimension.WEEK, Dimension.MONTH, Dimension.QUARTER)
