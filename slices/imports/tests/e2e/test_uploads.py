"""Import of files through the deployed bucket, and the redrive of a file that failed."""

import gzip
import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ponto.punch import EVENT
from tests.commands import CommandResult, run_process
from tests.e2e.client import EMPLOYEES, Client
from tests.e2e.deployed import Deployed
from tests.waiting import wait_for
from tools.kit import event, osls
from tools.local.stack import Stack

FUNCTION = "batida-ponto-local-importacao"
KEY = "incoming/gate 1/october"


class Bucket:
    """The deployed bucket."""

    def __init__(self, stack: Stack) -> None:
        self._s3 = stack.client("s3")
        self.name = osls.stack_outputs(stack.client("cloudformation"), "local")["UploadBucketName"]

    def upload(self, content: bytes, key: str = KEY) -> str:
        """Upload a file; return the folder of its results."""
        version = self._s3.put_object(Bucket=self.name, Key=key, Body=content)["VersionId"]
        return f"{key.replace('incoming', 'results', 1)}/{version}"

    def lines(self, key: str) -> list[Any] | None:
        """Return the lines of a result; None if it does not exist."""
        if not self._s3.list_objects_v2(Bucket=self.name, Prefix=key).get("Contents"):
            return None
        return [json.loads(line) for line in self._s3.get_object(Bucket=self.name, Key=key)["Body"].read().splitlines()]

    def wait_for(self, folder: str) -> Any:
        """Wait until a file is imported; return its summary."""
        wait_for(lambda: self.lines(f"{folder}/summary.json"), f"{folder}/summary.json")
        (summary,) = self.lines(f"{folder}/summary.json") or [None]
        return summary

    def empty(self) -> None:
        """Delete all versions of all objects."""
        objects = self._s3.list_object_versions(Bucket=self.name)
        for version in (*objects.get("Versions", []), *objects.get("DeleteMarkers", [])):
            self._s3.delete_object(Bucket=self.name, Key=version["Key"], VersionId=version["VersionId"])


@pytest.fixture
def bucket(stack: Stack, client: Client) -> Iterator[Bucket]:
    bucket = Bucket(stack)
    yield bucket
    client.wait_until_drained()
    bucket.empty()


Body = dict[str, Any]


@pytest.fixture
def bodies() -> list[Body]:
    """Return fifty punches, which are not stored."""
    return [event.body(next(EMPLOYEES), "2026-10-01T08:00:00Z", id=str(uuid.uuid4())) for _ in range(50)]


def ndjson(bodies: list[Body]) -> bytes:
    return b"".join(json.dumps(body).encode() + b"\n" for body in bodies)


def assert_stored_once(client: Client, bodies: list[Body]) -> None:
    client.wait_until_drained()
    rows = client.rows(*(body[EVENT.fields[EVENT.subject].name] for body in bodies))
    assert sorted(row.punch.id for row in rows) == sorted(body["id"] for body in bodies)


def test_file_is_stored_once_and_a_longer_one_adds_its_new_punches(
    client: Client, bucket: Bucket, bodies: list[Body]
) -> None:
    content = ndjson(bodies[:-1]) + b"{}\n" + b"\n"
    folder = bucket.upload(content)
    assert bucket.wait_for(folder) == {"accepted": 49, "refused": 1}
    assert bucket.lines(f"{folder}/refused.ndjson") == [
        {"line": 50, "reason": f"{EVENT.fields_required_first[0].name}: required"}
    ]

    second_folder = bucket.upload(content)
    # The longer file has another format, and is gzipped although its name does not end in .gz.
    local = [body | {EVENT.fields[EVENT.instant].name: "2026-10-01T05:00:00"} for body in bodies]
    rows = "".join(";".join(map(str, body.values())) + "\r\n" for body in local)
    longer = bucket.upload(gzip.compress(f"{';'.join(local[0])}\r\n{rows}".encode()))
    not_gzipped = bucket.upload(ndjson(bodies), "incoming/october.ndjson.gz")
    assert second_folder != folder
    assert [bucket.wait_for(result)["accepted"] for result in (second_folder, longer, not_gzipped)] == [49, 50, 50]

    assert_stored_once(client, bodies)
    assert client.depth(client.address.dlq_url) == 0


def test_failed_file_is_dead_lettered_and_imported_by_a_redrive(
    client: Client, stack: Stack, bucket: Bucket, bodies: list[Body], dlq: Callable[..., CommandResult]
) -> None:
    functions = stack.client("lambda")
    variables = functions.get_function_configuration(FunctionName=FUNCTION)["Environment"]["Variables"]
    wrong_variables = variables | {"QUEUE_URL": f"{variables['QUEUE_URL']}-is-gone"}
    functions.update_function_configuration(FunctionName=FUNCTION, Environment={"Variables": wrong_variables})
    try:
        folder = bucket.upload(ndjson(bodies))
        wait_for(lambda: client.depth(client.address.dlq_url) == 1, "the dead letter")
    finally:
        functions.update_function_configuration(FunctionName=FUNCTION, Environment={"Variables": variables})
    (dead_letter,) = dlq("list", "--reason", "file", "--json").json["deadLetters"]
    assert dead_letter["detail"].startswith(f"{KEY}: cannot send to the punch queue: ")

    assert dlq("redrive", "--reason", "file").out == "1 redriven, 0 failed\n"

    assert bucket.wait_for(folder)["accepted"] == 50
    assert_stored_once(client, bodies)


def test_command_uploads_a_file_and_prints_its_result(
    client: Client, deployed: Deployed, bucket: Bucket, bodies: list[Body], tmp_path: Path
) -> None:
    del bucket  # it is emptied afterwards
    file = tmp_path / "october.ndjson.gz"
    file.write_bytes(gzip.compress(ndjson(bodies) + b"{}\n"))
    for _ in range(2):
        done = run_process("import", file, "--state", deployed.state)
        assert (done.status, done.out.partition(":")[0]) == (1, "50 accepted, 1 refused"), done.err
    assert_stored_once(client, bodies)
