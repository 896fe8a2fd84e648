"""Who is asking: the value that authentication produces and everything else consumes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["manager", "analyst", "support", "auditor"]

# Who may know what goods cost the store, and so what they earn.
COST_ROLES: frozenset[Role] = frozenset({"manager", "analyst"})


@dataclass(frozen=True, slots=True)
class StoreAccess:
    """One store that a principal may enter, and as what."""

    store_id: str
    store_name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified identity and the stores it may enter at this moment.

    Attributes:
        principal_id: Number of the principal in the database.
        subject: Its stable name.
        stores: Where it may go, and as what.
        credential: Id of the opaque token that it presented; 0 for a token of an identity provider.
    """

    principal_id: int
    subject: str
    stores: tuple[StoreAccess, ...]
    credential: int = 0
