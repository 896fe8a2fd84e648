"""Who is asking: the value that authentication produces and everything else consumes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Role = Literal["manager", "analyst", "support", "auditor"]
Scope = Literal["retail:read", "retail:pii", "retail:sql", "retail:audit"]

# What each role may do in its store. Which personal values it sees, and how, is the database's to say (sql/0070).
ROLE_SCOPES: Mapping[Role, frozenset[Scope]] = {
    "manager": frozenset({"retail:read", "retail:pii", "retail:sql"}),
    "support": frozenset({"retail:read", "retail:pii"}),
    "analyst": frozenset({"retail:read", "retail:sql"}),
    "auditor": frozenset({"retail:read", "retail:audit"}),
}

# Where a tool, resource or prompt says in its meta which scope it takes.
SCOPE_META = "scope"

_READ: frozenset[Scope] = frozenset({"retail:read"})

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
        token_scopes: Scopes of the identity provider's token, which narrow those of the roles; None for no limit.
    """

    principal_id: int
    subject: str
    stores: tuple[StoreAccess, ...]
    credential: int = 0
    token_scopes: frozenset[str] | None = None

    def scopes_as(self, role: Role) -> frozenset[Scope]:
        """What the principal may do in a store where it has this role."""
        granted = ROLE_SCOPES[role]
        return granted if self.token_scopes is None else granted & self.token_scopes

    @property
    def scopes(self) -> frozenset[Scope]:
        """What the principal may do in one of its stores at least; whoever is known may read what is theirs."""
        granted = _READ.union(*(ROLE_SCOPES[access.role] for access in self.stores))
        return granted if self.token_scopes is None else granted & self.token_scopes

    @property
    def masked(self) -> bool:
        """True when the token leaves personal data out, whatever the role."""
        return self.token_scopes is not None and "retail:pii" not in self.token_scopes
