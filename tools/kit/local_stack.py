"""The stack of `make run` on this machine: what it says of itself in stack.json, and how to reach it."""

import json
import os
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tools.kit import event
from tools.kit.errors import CommandError
from tools.kit.project import ROOT

if TYPE_CHECKING:
    import boto3

STATE = ROOT / ".local"
"""Its folder, unless --state names another."""

STAGE = "local"
REGION = "us-east-1"


class Address(NamedTuple):
    """Addresses of the stack; stack.json has these keys, and those of what slices serve at root_url."""

    api_url: str
    api_id: str
    api_key: str
    database_url: str
    queue_url: str
    dlq_url: str
    aws_endpoint_url: str
    aws_access_key_id: str  # of this run: what the guard admits
    pid: int

    @property
    def root_url(self) -> str:
        """The URL that the API's paths are below."""
        return self.api_url.removesuffix("ponto")

    def post_command(self, punch_id: str) -> str:
        """Return the curl command that sends a punch of now. Running it again sends the same punch again."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        body = json.dumps({"id": punch_id} | event.body(123, now))
        return (
            f"curl -sS {self.api_url} -H 'x-api-key: {self.api_key}' -H 'content-type: application/json' \\\n"
            f"    -d {shlex.quote(body)}"
        )

    def get_command(self, path: str) -> str:
        """Return the curl command that gets a path of the API, such as `/ponto/ID`."""
        return f"curl -sS {self.root_url}{path.removeprefix('/')} -H 'x-api-key: {self.api_key}'"

    def session(self) -> "boto3.Session":
        """A session of this run; see `session_of`."""
        return create_session(self.aws_access_key_id)

    def client(self, service: str) -> Any:
        """A boto3 client of the emulator, for example "sqs"."""
        session: Any = self.session()  # its types know a service only as a literal
        return session.client(service, endpoint_url=self.aws_endpoint_url)


def create_session(access_key_id: str) -> "boto3.Session":
    """Make a session that can reach nothing but an emulator's services, whatever the shell is configured for."""
    import boto3  # here: --help waits a second for it

    return boto3.Session(
        aws_access_key_id=access_key_id,
        aws_secret_access_key="none",  # noqa: S106  nobody checks signatures there
        region_name=REGION,
    )


def find(state: Path | None = None) -> Address:
    """Find the running local stack.

    Args:
        state: its folder; None: the usual one.

    Raises:
        CommandError: none runs there, or one of another version.
    """
    file = (state or STATE) / "stack.json"
    start = "start it with make run, or name another deployment, such as --stage dev (see --help)"
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        address = Address(*(found[name] for name in Address._fields))
    except FileNotFoundError:
        raise CommandError(f"no local stack runs ({file} does not exist); {start}") from None
    except (KeyError, TypeError, ValueError):
        raise CommandError(f"{file} is of another version; stop its stack, and {start}") from None
    try:
        os.kill(address.pid, 0)
    except ProcessLookupError:
        raise CommandError(f"no local stack runs ({file} is of one that was killed); {start}") from None
    except PermissionError:  # it is another user's
        pass
    return address
