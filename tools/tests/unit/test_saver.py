"""The save of a stopping emulator."""

import errno
import json
from pathlib import Path

from tools.local import emulator, serve


def test_service_that_cannot_be_saved_is_named_and_the_others_are_saved(tmp_path: Path) -> None:
    def fail() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    lost = serve.save(tmp_path, {"sqs": fail, "s3": lambda: {"kept": 1}}, lambda: {"punches": 2, "dlq": 0})

    assert lost == ["sqs, 2 messages of punches (No space left on device)"]
    assert json.loads((tmp_path / emulator.STATE_FILES / "s3.json").read_text())["payload"] == {"kept": 1}
