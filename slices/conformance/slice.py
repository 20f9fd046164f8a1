"""What conformance adds: a command."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from slices.definition import Slice

if TYPE_CHECKING:
    import click

    from tools.kit.commands import LazyCommand


class Conformance(Slice):
    """Trials of clients."""

    def commands(self) -> "Mapping[str, LazyCommand]":
        """Return `ponto conformance`."""
        from tools.kit.commands import LazyCommand

        def conformance() -> "click.Command":
            from slices.conformance.command import conformance

            return conformance

        return {
            "conformance": LazyCommand(
                conformance,
                "Stand before the API, misbehave, and judge a client.",
                "ponto conformance --listen 127.0.0.1:8080   whether a client of yours loses no punch",
            )
        }


SLICE = Conformance()
