"""Which stores a call is about."""

from __future__ import annotations

from collections.abc import Sequence

from server.calls.call import current_call
from server.calls.principal import Principal
from server.errors import InvalidInputError, NotAllowedError, StoreNeededError

# Of a call that goes through several; each costs a few milliseconds.
MOST_STORES = 50
_NO_STORE = "Your token gives access to no open store. Ask the operator to grant one."


class StoreSelection:
    """Chooses among a principal's stores. A choice is a wish, never a claim: the database decides who may enter.

    Args:
        principal: Who is asking.
        default_store: Store to choose when a call names none and the principal has several.
    """

    def __init__(self, principal: Principal, default_store: str | None = None) -> None:
        self._principal = principal
        self._default_store = default_store

    def choose(self, store_id: str | None) -> str:
        """Name the store that a call is about.

        Args:
            store_id: The store that the caller named, if any.

        Raises:
            StoreNeededError: None was named and the principal has several.
            NotAllowedError: The principal has no store at all.
        """
        if chosen := store_id or self._default_store:
            return chosen
        stores = [access.store_id for access in self._principal.stores]
        if not stores:
            raise NotAllowedError(_NO_STORE)
        if len(stores) > 1:
            raise StoreNeededError(stores)
        return stores[0]

    def must_choose(self, store_id: str | None) -> bool:
        """True when a call that names this store, or none, leaves several to choose from."""
        return (store_id or self._default_store) is None and len(self._principal.stores) > 1

    def choose_several(self, store_ids: Sequence[str] | None) -> list[str]:
        """Name the stores that a call about several is about, in the order of their ids.

        Args:
            store_ids: What the caller named; by default every store in which its role allows the tool.

        Raises:
            InvalidInputError: They are too many.
            NotAllowedError: There is none.
        """
        call = current_call.get(None)
        chosen = sorted(set(store_ids or ())) or sorted(
            access.store_id
            for access in self._principal.stores
            if call is None or call.required_scope in self._principal.scopes_as(access.role)
        )
        if not chosen:
            raise NotAllowedError(_NO_STORE)
        if len(chosen) > MOST_STORES:
            raise InvalidInputError(
                f"{len(chosen)} stores are too many for one call; name at most {MOST_STORES} of them."
            )
        return chosen
