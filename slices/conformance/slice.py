"""What conformance adds: a command."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from slices.definition import Slice

if TYPE_CHECKING:
    from tools.kit.commands import LazyCommand


class Conformance(Slice):
    """Trials of clients."""

    def commands(self) -> "Mapping[str, LazyCommand]":
        """Return `ponto conformance`."""
        from tools.kit.commands import LazyCommand

        return {
            "conformance": LazyCommand(
                "slices.conformance.command:conformance",
                "Stand before the API, misbehave, and judge a client.",
                "ponto conformance --listen 127.0.0.1:8080   whether a client of yours loses no punch",
            )
        }


SLICE = Conformance()
