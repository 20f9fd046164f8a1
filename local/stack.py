"""The whole system on one machine: start its parts in order, deploy to them, say where they are, stop them."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import boto3

from local import emulator, gaps, postgres
from local.errors import LocalError
from local.faults import Faults

ROOT = Path(__file__).parent.parent
STAGE = "local"
_NODE_COMMANDS = ROOT / "node_modules" / ".bin"
_RESTART = 15  # s that PostgreSQL may be away for: `make chaos` restarts it

Say = Callable[[str], None]
Mend = Callable[[gaps.Deployment], None]
Parameters = Callable[[emulator.Emulator], Mapping[str, str]]


class Address(NamedTuple):
    """Where everything is; written to stack.json for tests, load tests and curious people."""

    api_url: str
    api_id: str
    api_key: str
    database_url: str
    queue_url: str
    dlq_url: str
    aws_endpoint_url: str
    pid: int

    def curl(self) -> str:
        """A command that punches once, now."""
        return (
            f"curl -sS {self.api_url} -H 'x-api-key: {self.api_key}' -H 'content-type: application/json' \\\n"
            '    -d "{\\"usuarioId\\": 123, \\"ponto\\": \\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\\"}"'
        )

    def client(self, service: str) -> Any:
        """A boto3 client of the emulator, for example "sqs"."""
        return _client(self.aws_endpoint_url, service)


class Stack(NamedTuple):
    """The running system."""

    address: Address
    database: postgres.Postgres
    aws: emulator.Emulator

    def require_running(self) -> None:
        """Raise a LocalError when a part has died."""
        if not self.aws.is_running():
            raise LocalError(
                f"The emulator ended by itself; its log, {self.aws.log}, ends:\n{emulator.tail(self.aws.log)}"
            )
        deadline = time.monotonic() + _RESTART
        while not self.database.is_running():
            if time.monotonic() > deadline:
                raise LocalError(f"PostgreSQL ended by itself; its log is {self.database.server.log}")
            time.sleep(0.1)

    def client(self, service: str) -> Any:
        """A boto3 client of the emulator, for example "sqs"."""
        return self.address.client(service)


@contextlib.contextmanager
def running(
    state: Path,
    port: int,
    say: Say = lambda _: None,
    mend: Mend = gaps.close_all,
    parameters: Parameters = lambda _: {},
) -> Iterator[Stack]:
    """Run the system for as long as the context lasts.

    Args:
        state: a folder for its data: rows, queues and logs outlive the context.
        port: the emulator's.
        say: told what is being done.
        mend: sets what the emulator drops.
        parameters: gives those of serverless.yml that differ from the stage's, by name, once the emulator runs: it may
            make what they name.

    Raises:
        LocalError: another run has the folder, the port is in use, or a step failed; nothing is left running.
    """
    state = state.resolve()
    if " " in str(state):
        raise LocalError(
            f"{state}: PostgreSQL cannot be started in a folder with a space in its path. Choose another: "
            'make run ARGS="--state /tmp/ponto"'
        )
    state.mkdir(parents=True, exist_ok=True)
    file = state / "stack.json"
    leftover = state / "emulator.pid"
    with contextlib.ExitStack() as parts:
        parts.enter_context(_only_one(state))
        emulator.end_leftover(leftover)
        emulator.require_free(port)

        say("starting PostgreSQL")
        database = postgres.start(state / "postgres")
        parts.callback(database.stop)

        Faults(database).mend()  # what a killed `make chaos` left

        say("starting the AWS emulator")
        aws = emulator.start(port, state / "aws", state / "emulator.log")
        parts.callback(aws.stop)
        leftover.write_text(str(aws.process.pid))
        parts.callback(leftover.unlink)

        say("deploying serverless.yml: sls deploy --stage local")
        deployment, outputs, key = _deploy(state, aws, database, parameters(aws))
        mend(deployment)

        say("applying the migrations")
        _migrate(aws, deployment)

        address = Address(
            api_url=_api_url(aws.url, outputs["ApiId"]),
            api_id=outputs["ApiId"],
            api_key=key,
            database_url=database.url,
            queue_url=outputs["PunchQueueUrl"],
            dlq_url=outputs["DeadLetterQueueUrl"],
            aws_endpoint_url=aws.url,
            pid=os.getpid(),
        )
        file.write_text(json.dumps(address._asdict(), indent=2) + "\n")
        parts.callback(file.unlink)
        yield Stack(address, database, aws)


@contextlib.contextmanager
def _only_one(state: Path) -> Iterator[IO[str]]:
    with (state / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise LocalError(
                f"It runs already, as process {lock.read().strip() or 'unknown'}: end that one, or look into "
                f"{state / 'stack.json'} for where it is."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield lock
        lock.truncate(0)


def _deploy(
    state: Path, aws: emulator.Emulator, database: postgres.Postgres, parameters: Mapping[str, str]
) -> tuple[gaps.Deployment, Mapping[str, str], str]:
    # Packaged aside: .serverless is emptied by whatever packages next, a test or `make package`.
    package = str(state / "package")
    environment = emulator.environment(aws.url) | {
        "LOCAL_DB_HOST": database.host,
        "SLS_AWS_MONITORING_FREQUENCY": "250",
    }
    options = [
        "--stage",
        STAGE,
        "--package",
        package,
        *(f"--param={name}={value}" for name, value in parameters.items()),
    ]
    _sls(state / "package.log", ["package", *options], environment)
    _sls(state / "deploy.log", ["deploy", *options], environment)
    formation = _client(aws.url, "cloudformation")
    name = f"batida-ponto-{STAGE}"
    outputs = {
        output["OutputKey"]: output["OutputValue"]
        for output in formation.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]
    }
    resources = formation.describe_stack_resources(StackName=name)["StackResources"]
    template = json.loads((state / "package" / "cloudformation-template-update-stack.json").read_text())
    api = _client(aws.url, "apigateway")
    key = api.get_api_key(apiKey=outputs["ApiKeyId"], includeValue=True)["value"]
    deployment = gaps.Deployment(
        resources=template["Resources"],
        ids={found["LogicalResourceId"]: found["PhysicalResourceId"] for found in resources},
        stage=STAGE,
        api=api,
        functions=_client(aws.url, "lambda"),
        post=lambda body: _post(_api_url(aws.url, outputs["ApiId"]), key, body),
    )
    return deployment, outputs, key


def _sls(log: Path, arguments: list[str], environment: Mapping[str, str]) -> None:
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["sls", *arguments],
            cwd=ROOT,
            env={
                **environment,
                "PATH": f"{Path(sys.executable).parent}:{_NODE_COMMANDS}:{environment['PATH']}",
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait()
        except BaseException:  # Ctrl-C meanwhile: pip and Node go too
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            raise
    if status:
        raise LocalError(f"sls {' '.join(arguments)} failed; its output, {log}, ends:\n{emulator.tail(log, 30)}")


def _migrate(aws: emulator.Emulator, deployment: gaps.Deployment) -> None:
    answer = deployment.functions.invoke(FunctionName=deployment.ids["SchemaLambdaFunction"])
    if "FunctionError" in answer:
        error = json.loads(answer["Payload"].read())
        raise LocalError(
            f"The function schema failed: {error.get('errorMessage', error)}\n"
            f"Its log is {aws.log}; `make clean` removes the local database, if its rows can go."
        )


def _api_url(endpoint: str, api_id: str) -> str:
    return f"{endpoint}/restapis/{api_id}/{STAGE}/_user_request_/ponto"


def _post(url: str, key: str, body: bytes) -> str:
    headers = {"x-api-key": key, "content-type": "application/json"}
    request = urllib.request.Request(url, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as refusal:
        return refusal.read().decode()


def _client(endpoint: str, service: str) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=endpoint,
        region_name=emulator.REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
