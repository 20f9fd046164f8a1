"""What a command gave, however a test ran it."""

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from tools.kit.local_stack import Address


class Result(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def write_stack(folder: Path, **fields: str | int) -> Path:
    """Write the stack.json of a stack that seems to run in a folder; return the folder."""
    nowhere = dict.fromkeys(Address._fields, "") | {"pid": os.getpid()}
    (folder / "stack.json").write_text(json.dumps(nowhere | fields), encoding="utf-8")
    return folder


def write_sls(project: Path, script: str) -> None:
    """Write a project's `sls`: what it does is a script of sh."""
    file = project / "node_modules" / ".bin" / "sls"
    file.parent.mkdir(parents=True)
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    file.chmod(0o755)
