"""The class of which each slice has an object, `SLICE` of its `slice.py`: what it adds to commands and functions.

`slice.py` is imported whenever `ponto` or the function `read` starts: a method imports what it needs.
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
    """A slice that adds nothing; `aws.yml` beside `slice.py` has what the deployment needs."""

    def commands(self) -> "Mapping[str, LazyCommand]":
        """Return commands of `ponto` by name; `load documents` goes into the group `load`."""
        return {}

    def statements(self) -> "Catalogue | None":
        """Return statements of the function `read`."""

    def schema_hooks(self) -> "SchemaHooks | None":
        """Return hooks of the function `schema`."""

    def trace_notes(self) -> "TraceNotes | None":
        """Return what adds notes to `ponto trace`."""

    def dead_letter_event(self) -> "DeadLetterEvent | None":
        """Return the event of the slice's function that Lambda may give up on."""

    def deploy_hook(self) -> "DeployHook | None":
        """Return what `ponto deploy` and `make run` also do."""
