"""Loading of a file that declares an event."""

import importlib.util
from pathlib import Path

from ponto.event import Event
from tools.kit.errors import CommandError


def load(path: Path) -> Event:
    """Return the event that a Python file declares as `EVENT`.

    Raises:
        CommandError: the file does not exist, or declares none.
    """
    spec = importlib.util.spec_from_file_location("declaration", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise CommandError(f"EVENT: {path} is no Python file. Name the file that declares the event.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    event = getattr(module, "EVENT", None)
    if not isinstance(event, Event):
        raise CommandError(f"EVENT: {path} declares no `EVENT`, an `Event` of ponto/event.py.")
    return event
