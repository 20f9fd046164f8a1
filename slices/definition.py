"""Base class of the object `SLICE` in each slice's `slice.py`, which adds to commands and functions.

`ponto` and the function `read` import every `slice.py` when they start. To keep that fast, methods import the modules
they need.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ponto.admin.actions import SchemaHooks
    from ponto.reader.statements import Catalogue
    from tools.kit.commands import LazyCommand
    from tools.kit.dead_letters import DeadLetterEvent
    from tools.kit.deploy_hook import DeployHook
    from tools.kit.trace_notes import TraceNotes


class Slice:
    """A slice that adds nothing; resources to deploy are in `aws.yml` beside `slice.py`."""

    def commands(self) -> "Mapping[str, LazyCommand]":
        """Return commands of `ponto` by name; a name of two words, such as `load documents`, puts it into a group."""
        return {}

    def statements(self) -> "Catalogue | None":
        """Return SQL statements for the function `read`."""

    def schema_hooks(self) -> "SchemaHooks | None":
        """Return actions and post-migration steps for the function `schema`."""

    def trace_notes(self) -> "TraceNotes | None":
        """Return the source of notes that `ponto trace` prints."""

    def dead_letter_event(self) -> "DeadLetterEvent | None":
        """Return the type of event that Lambda dead-letters when the slice's asynchronous function fails."""

    def deploy_hook(self) -> "DeployHook | None":
        """Return additional steps of `ponto deploy` and `make run`."""
