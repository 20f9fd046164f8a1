"""The event that a deploy sends to prove a stage."""

from datetime import UTC, datetime
from typing import Any


def event(id_: str, whose: int) -> dict[str, Any]:
    """Give the body of the event of now, under an id."""
    return {"id": id_, "usuarioId": whose, "ponto": datetime.now(UTC).isoformat()}
