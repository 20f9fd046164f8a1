"""What a stop of the emulator says of files that it cuts off."""

import io
import zipfile
from pathlib import Path

from tests.waiting import wait_for
from tools.local import emulator

CODE = """
import time
from pathlib import Path

def main(event, context):
    Path(event["runs"]).touch()
    time.sleep(600)
"""


def test_a_stop_says_how_many_files_were_not_imported(tmp_path: Path) -> None:
    started = emulator.start(emulator.free_port(), tmp_path / "aws", tmp_path / "log")
    said: list[str] = []
    try:
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("code.py", CODE)
        functions = started.client("lambda")
        functions.create_function(
            FunctionName="importer",
            Runtime="python3.11",
            Handler="code.main",
            Role="arn:aws:iam::000000000000:role/none",
            Timeout=900,
            Code={"ZipFile": code.getvalue()},
        )
        functions.put_function_concurrency(FunctionName="importer", ReservedConcurrentExecutions=1)
        event = '{"runs": "%s"}' % (tmp_path / "runs")
        for _ in range(3):
            functions.invoke(FunctionName="importer", InvocationType="Event", Payload=event)
        wait_for((tmp_path / "runs").exists, "one of them to run")
    finally:
        started.stop(said.append)

    assert [line for line in said if "so far" not in line] == [
        "Uploaded files that were not imported to the end: 3, those without a summary.json in results/. "
        "Put them into the bucket again."
    ]
