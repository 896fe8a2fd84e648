"""What the import of one kind of records has to provide; job.py does what all have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Protocol, TypeVar

from server.imports.checking import Checker
from server.imports.faults import Fault, FieldRow
from server.imports.fields.vocabulary import Vocabulary
from server.imports.layouts import ForeignLayout
from server.imports.stores import Store

# By row number.
Faults = dict[int, list[Fault]]


class Outcome(Protocol):
    """What became of the records."""

    @property
    def changed(self) -> int:
        """Number of records that are not as they were."""

    def summary(self) -> str:
        """The counts, for the end of the import."""

    def notes(self) -> Sequence[str]:
        """What a person should know beside the counts, a sentence each."""


OutcomeT_co = TypeVar("OutcomeT_co", bound=Outcome, covariant=True)


class Kind(Protocol[OutcomeT_co]):
    """One kind of records. Everything happens in one transaction, in the order of these methods."""

    noun: ClassVar[str]
    vocabulary: ClassVar[Vocabulary]
    foreign: ClassVar[tuple[ForeignLayout, ...]]

    @property
    def context(self) -> dict[str, object]:
        """What readers of values have to know beside the store's currency and time zone."""

    async def stage(self, connection: Any, store: Store, checker: Checker, rows: Iterable[FieldRow]) -> None:
        """Check the rows and copy what is in order into temporary tables."""

    async def find_invalid(self, connection: Any, store: Store, checker: Checker) -> Faults:
        """Tell which staged rows do not fit what the store has, and take them out of the temporary tables."""

    async def merge(self, connection: Any, store: Store, checker: Checker) -> OutcomeT_co:
        """Bring the store in step with the temporary tables."""

    async def refresh_statistics(self, connection: Any) -> None:
        """Tell the planner about the new rows, after the commit."""
