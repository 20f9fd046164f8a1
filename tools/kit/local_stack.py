"""Access to the stack of `make run` on this machine, by the addresses in its stack.json."""

import json
import os
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ponto.punch import EVENT
from tools.kit import event
from tools.kit.errors import CommandError
from tools.kit.project import ROOT

if TYPE_CHECKING:
    import boto3

STATE = ROOT / ".local"
"""The stack's folder, unless --state names another."""

STAGE = "local"
REGION = "us-east-1"


class Address(NamedTuple):
    """Addresses of the stack. stack.json has these keys, and one for each page that slices serve at `root_url`."""

    api_url: str
    api_id: str
    api_key: str
    database_url: str
    queue_url: str
    dlq_url: str
    aws_endpoint_url: str
    aws_access_key_id: str  # new in each run; the guard accepts no other
    pid: int

    @property
    def root_url(self) -> str:
        """URL to which the API's paths are relative."""
        return self.api_url.removesuffix(EVENT.path.removeprefix("/"))

    def post_command(self, punch_id: str) -> str:
        """Return a curl command that sends a punch with the present time. Running it again sends the same punch."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        body = json.dumps(event.example_body(now, punch_id), ensure_ascii=False)
        return (
            f"curl -sS {self.api_url} -H 'x-api-key: {self.api_key}' -H 'content-type: application/json' \\\n"
            f"    -d {shlex.quote(body)}"
        )

    def get_command(self, path: str) -> str:
        """Return a curl command that gets a path of the API, such as `/ponto/ID`."""
        return f"curl -sS {self.root_url}{path.removeprefix('/')} -H 'x-api-key: {self.api_key}'"

    def session(self) -> "boto3.Session":
        """Return a boto3 session with this run's access key id; see `create_session`."""
        return create_session(self.aws_access_key_id)

    def client(self, service: str) -> Any:
        """Return a boto3 client of the emulator for a service, for example "sqs"."""
        session: Any = self.session()  # Any, because boto3's type accepts only literals as services
        return session.client(service, endpoint_url=self.aws_endpoint_url)


def create_session(access_key_id: str) -> "boto3.Session":
    """Create a session whose credentials are valid for an emulator only, never for AWS."""
    import boto3  # here, as importing it takes a second and --help does not need it

    return boto3.Session(
        aws_access_key_id=access_key_id,
        aws_secret_access_key="none",  # noqa: S106  the emulator does not check signatures
        region_name=REGION,
    )


def find(state: Path | None = None, *, suggests_stage: bool = True) -> Address:
    """Find the running local stack.

    Args:
        state: its folder; None: the default.
        suggests_stage: whether the command has --stage, which an error then suggests.

    Raises:
        CommandError: no stack runs there, or another version wrote its stack.json.
    """
    file = (state or STATE) / "stack.json"
    start = "start it with make run"
    if suggests_stage:
        start += ", or name another deployment, such as --stage dev (see --help)"
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        address = Address(*(document[name] for name in Address._fields))
    except FileNotFoundError:
        raise CommandError(f"no local stack runs ({file} does not exist); {start}") from None
    except (KeyError, TypeError, ValueError):
        raise CommandError(f"another version of make run wrote {file}; stop that stack, and {start}") from None
    try:
        os.kill(address.pid, 0)
    except ProcessLookupError:
        raise CommandError(f"no local stack runs ({file} is left over from one that was killed); {start}") from None
    except PermissionError:  # another user's process
        pass
    return address
