"""Words of the trade that several domains use."""

from __future__ import annotations

from enum import StrEnum


class TransactionType(StrEnum):
    """Kinds of receipt."""

    SALE = "sale"
    RETURN = "return"
    EXCHANGE = "exchange"
