"""Where the reads of a call go: to the primary, or to a replica that is near enough to it."""

from __future__ import annotations

from server.calls.call import current_call
from server.db.pool import Database
from server.db.replica import Replica


class ReadRoute:
    """Chooses between the primary and a replica.

    Args:
        primary: The server's pool.
        replica: Where the reads of a tool go while it is near enough; None for never.
    """

    def __init__(self, primary: Database, replica: Replica | None = None) -> None:
        self.primary = primary
        self._replica = replica

    def for_reading(self) -> Database:
        """The database to read from.

        The primary outside of a tool: there, nothing would ask it instead when the replica cannot answer.
        """
        call, replica = current_call.get(None), self._replica
        if call is None or replica is None or call.replica == "excluded" or not replica.is_usable:
            return self.primary
        call.use_replica()
        return replica.database
