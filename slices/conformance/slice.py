"""The slice `conformance`: a command that tests clients against the contract."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from slices.definition import Slice

if TYPE_CHECKING:
    import click

    from tools.kit.commands import LazyCommand


class Conformance(Slice):
    """The slice `conformance`."""

    def commands(self) -> "Mapping[str, LazyCommand]":
        """Return `ponto conformance`."""
        from tools.kit.commands import LazyCommand

        def conformance() -> "click.Command":
            from slices.conformance.command import conformance

            return conformance

        return {
            "conformance": LazyCommand(
                conformance,
                "Inject faults between a client and the API, and judge the client.",
                "ponto conformance --listen 127.0.0.1:8080   test whether your client loses punches",
            )
        }


SLICE = Conformance("conformance")
