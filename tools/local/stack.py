"""The whole system on one machine: start its parts in order, deploy to them, say where they are, stop them."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from tools.develop.install import explain_network
from tools.kit import deploy_hook, osls
from tools.kit.files import draft, tail
from tools.kit.local_stack import STAGE, STATE, Address
from tools.kit.parameters import local_values
from tools.kit.project import ROOT
from tools.local import emulator, gaps, postgres, saved
from tools.local.errors import LocalError
from tools.local.faults import DatabaseFaults

_STATE_VARIABLE = "PONTO_LOCAL_STATE"  # of the environment of sls and its children: the folder of their run
_RESTART_SECONDS = 15  # s that PostgreSQL may be away for: `make chaos` restarts it

Parameters = Callable[[emulator.Emulator], Mapping[str, str]]


class Stack(NamedTuple):
    """The running system."""

    address: Address
    database: postgres.Postgres
    aws: emulator.Emulator
    time_zone: str  # of punches without an offset

    def require_running(self) -> None:
        """Raise a LocalError when a part has died."""
        if not self.aws.is_running():
            raise _ended_error(self.aws)
        deadline = time.monotonic() + _RESTART_SECONDS
        while not self.database.is_running():
            if time.monotonic() > deadline:
                raise LocalError(f"PostgreSQL ended by itself; its log is {self.database.log}")
            time.sleep(0.1)

    def client(self, service: str) -> Any:
        """A boto3 client of the emulator, for example "sqs"."""
        return self.address.client(service)


@contextlib.contextmanager
def run_local_stack(
    state: Path,
    port: int,
    print_status: emulator.PrintStatus = lambda _: None,
    parameters: Parameters = lambda _: {},
    seconds_left: emulator.SecondsLeft = lambda: 0,
) -> Iterator[Stack]:
    """Run the system for as long as the context lasts.

    Args:
        state: a folder for its data: rows, queues and logs outlive the context.
        print_status: called with what is being done.
        parameters: gives those of serverless.yml that differ from the stage's, by name, once the emulator runs: it may
            make what they name.
        seconds_left: called at the end, while not everything is saved; see `Emulator.stop`.

    Raises:
        LocalError: another run has the folder, the port is in use, or a step failed; nothing is left running.
        UnsavedError: not everything that the emulator held is saved; nothing is left running.
    """
    state = state.resolve()
    if not state.exists():
        emulator.require_free(port)  # a port that is refused leaves no folder behind
    make_private(state)
    file = state / "stack.json"
    pid_file = state / "emulator.pid"
    with contextlib.ExitStack() as parts:
        parts.enter_context(_lock_state(state))
        _end_leftovers(state, print_status)
        # Ctrl-C may come when a process is started and not yet known.
        parts.callback(_end_leftovers, state, print_status)
        emulator.require_free(port)
        if saved.unsaved_since(state / "aws"):
            print_status(f"the last run ended before everything was saved: {_describe_loss(state / 'aws')}")

        print_status("starting PostgreSQL")
        database = postgres.start(state / "postgres")
        parts.callback(database.stop)

        DatabaseFaults(database).mend()  # what a killed `make chaos` left

        print_status("starting the AWS emulator")
        aws = emulator.start(port, state / "aws", state / "emulator.log")
        labels: dict[str, str] = {}
        parts.callback(aws.stop, print_status, seconds_left, labels)
        _write(pid_file, str(aws.process.pid))
        parts.callback(pid_file.unlink, missing_ok=True)

        with explain_failures(aws):
            print_status("deploying serverless.yml: sls deploy --stage local")
            deployment, outputs, key = _deploy(state, aws, database, local_values() | dict(parameters(aws)))
            gaps.apply_all(deployment)

            print_status("applying the migrations")
            _migrate(aws, deployment, print_status)

        address = Address(
            api_url=f"{aws.url}/restapis/{outputs['ApiId']}/{STAGE}/_user_request_/ponto",
            api_id=outputs["ApiId"],
            api_key=key,
            database_url=database.url,
            queue_url=_current_queue_url(aws, outputs["PunchQueueUrl"]),
            dlq_url=_current_queue_url(aws, outputs["DeadLetterQueueUrl"]),
            aws_endpoint_url=aws.url,
            aws_access_key_id=aws.key,
            pid=os.getpid(),
        )
        labels |= {_name(address.queue_url): "queued punches", _name(address.dlq_url): "dead letters"}
        of_slices = {files.key: address.root_url for files in deploy_hook.local_files()}
        _write(file, json.dumps(address._asdict() | of_slices, indent=2) + "\n")
        parts.callback(file.unlink, missing_ok=True)
        environment = deployment.resources["SchemaLambdaFunction"]["Properties"]["Environment"]["Variables"]
        yield Stack(address, database, aws, environment["TIME_ZONE"])


def _current_queue_url(aws: emulator.Emulator, url: str) -> str:
    """Return the URL of a queue; that of the stack's outputs has the port on which it was first deployed."""
    found: str = aws.client("sqs").get_queue_url(QueueName=_name(url))["QueueUrl"]
    return found


def _name(queue_url: str) -> str:
    return queue_url.rpartition("/")[2]


def make_private(state: Path, project_state: Path = STATE) -> None:
    """Make the folder, or close it to other users if it is the project's own or already a stack's.

    Raises:
        LocalError: it is somebody else's, or holds other things.
    """
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = state.stat()
    if found.st_uid != os.getuid():
        raise LocalError(f"{state} belongs to another user. Choose another folder with --state")
    if found.st_mode & 0o077:
        # The project's own is ours, whatever made it: the load test keeps JMeter in it, the benchmark its figures.
        if state != project_state and any(state.iterdir()) and not (state / "lock").exists():
            raise LocalError(f"{state} is open to others, and holds other things. Choose another folder with --state")
        state.chmod(0o700)


@contextlib.contextmanager
def explain_failures(aws: emulator.Emulator, end_seconds: float = 5) -> Iterator[None]:
    """Make one sentence of what a call of the emulator, or its log, fails with.

    Args:
        end_seconds: that it may take from its last answer to its end.

    Raises:
        LocalError: it failed, or a file could not be used.
    """
    try:
        yield
    except (BotoCoreError, ClientError, OSError, HTTPError) as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise LocalError(f"{error.filename} cannot be used: {error.strerror}") from None  # the emulator may be well
        try:
            aws.process.wait(end_seconds)
        except subprocess.TimeoutExpired:
            raise LocalError(
                f"The emulator does not answer as it should ({type(error).__name__}: {error}); its log, {aws.log}, "
                f"ends:\n{tail(aws.log)}"
            ) from None
        raise _ended_error(aws) from None


def _ended_error(aws: emulator.Emulator) -> LocalError:
    return LocalError(
        f"The emulator ended by itself; {_describe_loss(aws.state)}. Its log, {aws.log}, ends:\n{tail(aws.log)}"
    )


def _write(file: Path, text: str) -> None:
    """Write a file that nobody else may read."""
    with draft(file) as new:
        new.write(text)


def _describe_loss(aws: Path) -> str:
    """Describe what is lost with a killed emulator."""
    new = "" if saved.folder(aws).exists() else "; the API gets another URL and key"
    return (
        f"what the emulator was given since {saved.unsaved_since(aws)} is lost: queued punches, dead letters, and "
        f"keys of `ponto keys`{new}. Stored rows are kept"
    )


@contextlib.contextmanager
def _lock_state(state: Path) -> Iterator[None]:
    with (state / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise LocalError(_describe_other_run(state, lock.read().strip())) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
        lock.truncate(0)


def _describe_other_run(state: Path, pid: str) -> str:
    if (state / "stack.json").exists():
        what = f"end that one, or look into {state / 'stack.json'} for where it is."
    else:
        what = "it is starting or stopping. Wait for it, or end it."
    with contextlib.suppress(ValueError, psutil.Error):
        if psutil.Process(int(pid)).status() == psutil.STATUS_STOPPED:
            what = f"it is suspended. `kill -CONT {pid}` lets it go on, `kill {pid}` before that ends it then."
    return f"It runs already, as process {pid or 'unknown'}: {what}"


@contextlib.contextmanager
def _lock_packaging() -> Iterator[None]:
    """Wait while another stack is deployed: osls empties and reads .serverless, whatever --package says."""
    with (ROOT / "serverless.yml").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _deploy(
    state: Path, aws: emulator.Emulator, database: postgres.Postgres, parameters: Mapping[str, str]
) -> tuple[gaps.LocalDeployment, Mapping[str, str], str]:
    environment = aws.environment() | {
        "LOCAL_DB_HOST": database.host,
        # Wheels of one interpreter on one machine, which the plugin does not tell apart.
        "LOCAL_PIP_CACHE": str(state / "pip" / f"{sys.implementation.cache_tag}-{sysconfig.get_platform()}"),
        "SLS_AWS_MONITORING_FREQUENCY": "250",
        "NODE_OPTIONS": quick_package(),
        _STATE_VARIABLE: str(state),
    }
    options = ["--stage", STAGE, *(f"--param={name}={value}" for name, value in parameters.items())]
    log = state / "deploy.log"
    with _lock_packaging():
        # Packages, too: by itself, `sls package --package FOLDER` would copy and delete all of it once more.
        if osls.run("deploy", options, environment, log):
            if not aws.is_running():
                raise _ended_error(aws)
            printed = log.read_text(errors="replace")
            if "-m pip install" in printed and (explained := explain_network(printed)):
                raise LocalError(f"{explained} The output of sls is in {log}")
            raise LocalError(f"sls {' '.join(['deploy', *options])} failed; its output, {log}, ends:\n{tail(log, 30)}")
        template = json.loads((ROOT / ".serverless" / "cloudformation-template-update-stack.json").read_text())
    formation = aws.client("cloudformation")
    outputs = osls.stack_outputs(formation, STAGE)
    resources = formation.describe_stack_resources(StackName=osls.stack_name(STAGE))["StackResources"]
    api = aws.client("apigateway")
    key = api.get_api_key(apiKey=outputs["ApiKeyId"], includeValue=True)["value"]
    deployment = gaps.LocalDeployment(
        resources=template["Resources"],
        ids={found["LogicalResourceId"]: found["PhysicalResourceId"] for found in resources},
        api=api,
        functions=aws.client("lambda"),
    )
    return deployment, outputs, key


def quick_package() -> str:
    """Return NODE_OPTIONS with which `sls` packages for this machine in half the time; see quick_package.js."""
    ours = f"--require {json.dumps(str(ROOT / 'tools' / 'local' / 'quick_package.js'))}"
    return f"{os.environ.get('NODE_OPTIONS', '')} {ours}".strip()


def _end_leftovers(state: Path, print_status: emulator.PrintStatus) -> None:
    """End what outlived the run that started it. An sls would go on to deploy.

    Raises:
        LocalError: an emulator is another user's.
    """
    for process in psutil.process_iter(["environ"]):  # of others' processes it is None
        if (process.info["environ"] or {}).get(_STATE_VARIABLE) == str(state):
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                # pip, too; `osls.run` gave them a group of their own
                os.killpg(os.getpgid(process.pid), signal.SIGKILL)
    emulator.stop_leftovers(state / "aws", print_status)


def _migrate(aws: emulator.Emulator, deployment: gaps.LocalDeployment, print_status: emulator.PrintStatus) -> None:
    answer = deployment.functions.invoke(FunctionName=deployment.ids["SchemaLambdaFunction"])
    done = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise LocalError(
            f"The function schema failed: {done.get('errorMessage', done)}\n"
            f"Its log is {aws.log}; `make clean` removes the local database, if its rows can go."
        )
    for notice in done["notices"]:  # that the database is of a newer release, say
        print_status(notice)
