"""Test of `ponto import` when it is killed twice."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from slices.imports.tests.unit.test_uploads import punch
from tests.commands import write_stack
from tests.serving import Request, Response, http_server
from tests.waiting import background_process, wait_for

LINES = 6_001  # valid lines, between two refused lines


def progress(file: Path) -> Any:
    path = file.with_name(f"{file.name}.progress")
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def test_import_that_is_killed_twice_lists_each_refused_line_once(tmp_path: Path) -> None:
    accepted: list[int] = []
    fast = 0  # number of punches accepted without delay; the others are slow, so that the import does not end

    def accept(request: Request) -> Response:
        accepted.append(json.loads(request.body)["usuarioId"])
        time.sleep(0.05 if len(accepted) > fast else 0)
        return 202, {}, b""

    file = tmp_path / "october.ndjson"
    good = [punch(employee_id) for employee_id in range(1, LINES + 1)]
    file.write_bytes(b"\n".join([b"{", *good, b"{"]))
    with http_server(accept) as url:
        words = [sys.executable, "-m", "tools.cli", "import", str(file), "--json"]
        words += ["--state", str(write_stack(tmp_path, api_url=f"{url}/ponto", api_key="key"))]
        for fast in (LINES // 3, 2 * LINES // 3):
            with background_process(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
                wait_for(lambda least=fast - 500: progress(file).get("accepted", 0) > least, "progress")  # type: ignore[misc]
                process.kill()
        fast = 10 * LINES
        done = subprocess.run(words, capture_output=True, text=True, check=False)

    refused = file.with_name("october.ndjson.refused.ndjson")
    assert done.stdout, done.stderr
    assert json.loads(done.stdout) == {"accepted": LINES, "refused": 2, "refusedLines": str(refused)}
    assert [json.loads(line)["line"] for line in refused.read_text(encoding="utf-8").splitlines()] == [1, LINES + 2]
    assert set(accepted) == set(range(1, LINES + 1))
    assert not progress(file)
