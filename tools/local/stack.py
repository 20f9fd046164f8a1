"""The whole system on this machine: start its parts in order, deploy to them, write their addresses, stop them."""

import contextlib
import fcntl
import json
import os
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

from ponto.punch import EVENT
from tools.kit import deploy_hook, osls
from tools.kit.files import tail, write_atomically
from tools.kit.functions import FunctionFailedError, invoke
from tools.kit.local_stack import STAGE, STATE, Address
from tools.kit.project import ROOT
from tools.kit.stage_parameters import local_values
from tools.local import emulator, ignored_settings, postgres, watchdog
from tools.local.errors import LocalError
from tools.local.faults import DatabaseFaults

_CRASH_SECONDS = 5  # until an emulator whose answer failed has ended, if it crashed
_RESTART_SECONDS = 15  # time that PostgreSQL may be down, as fault injection restarts it

LoadParameters = Callable[[emulator.Emulator], Mapping[str, str]]


class Stack(NamedTuple):
    """The running stack."""

    address: Address
    database: postgres.Postgres
    aws: emulator.Emulator
    time_zone: str  # time zone of punches without an offset

    def require_running(self) -> None:
        """Raise a LocalError if the emulator or PostgreSQL has ended."""
        if not self.aws.is_running():
            raise _ended_error(self.aws)
        deadline = time.monotonic() + _RESTART_SECONDS
        while not self.database.is_running():
            if time.monotonic() > deadline:
                raise LocalError(f"PostgreSQL ended by itself; its log is {self.database.log}")
            time.sleep(0.1)

    def client(self, service: str) -> Any:
        """Return a boto3 client of the emulator for a service, for example "sqs"."""
        return self.address.client(service)


@contextlib.contextmanager
def run_local_stack(
    state: Path,
    port: int,
    print_status: emulator.PrintStatus = lambda _: None,
    load_parameters: LoadParameters = lambda _: {},
) -> Iterator[Stack]:
    """Run the stack while the context is open.

    Args:
        state: folder for its data; rows, queues and logs are kept for the next run.
        port: port of the emulator.
        print_status: called with the progress.
        load_parameters: returns parameters that differ from the stage's, by name; called with the running emulator, so
            that it can create what they name.

    Raises:
        LocalError: the folder or the port cannot be used, or a step failed; nothing is left running.
        UnsavedError: part of the emulator's state was not saved; nothing is left running.
    """
    state = state.resolve()
    try:
        if not state.exists():
            emulator.require_free(port)  # before the folder is created
        make_private(state)
    except OSError as error:  # for example a file, or in a folder of another user
        raise LocalError(f"{state} cannot be used: {error.strerror}. Choose another folder with --state") from None
    file = state / "stack.json"
    pid_file = state / "emulator.pid"
    with contextlib.ExitStack() as cleanup:
        lock = cleanup.enter_context(_lock_state(state, print_status))
        watchdog.end_stack(state)
        cleanup.enter_context(watchdog.watch(state, lock))
        emulator.require_free(port)
        if (state / "aws" / emulator.UNSAVED).exists():
            print_status(f"the last run ended before everything was saved: {emulator.LOSS}.")

        print_status("starting PostgreSQL")
        database = postgres.start(state / "postgres")
        cleanup.callback(database.stop)

        DatabaseFaults(database).undo_all()  # undo the faults that a killed process injected

        print_status("starting the AWS emulator")
        aws = emulator.start(port, state / "aws", state / "emulator.log")
        cleanup.callback(aws.stop)
        pid_file.write_text(str(aws.process.pid))
        cleanup.callback(pid_file.unlink, missing_ok=True)

        with explain_failures(aws):
            print_status("deploying serverless.yml: sls deploy --stage local")
            deployment, outputs, key = _deploy(state, aws, database, local_values() | dict(load_parameters(aws)))
            ignored_settings.apply_all(deployment)

            print_status("applying the migrations")
            _migrate(aws, deployment, print_status)

        # The URLs in the stack's outputs have the port of the first deploy.
        queue_url, dlq_url = (
            aws.client("sqs").get_queue_url(QueueName=outputs[name].rpartition("/")[2])["QueueUrl"]
            for name in ("QueueUrl", "DeadLetterQueueUrl")
        )
        address = Address(
            api_url=f"{aws.url}/restapis/{outputs['ApiId']}/{STAGE}/_user_request_{EVENT.path}",
            api_id=outputs["ApiId"],
            api_key=key,
            database_url=database.url,
            queue_url=queue_url,
            dlq_url=dlq_url,
            aws_endpoint_url=aws.url,
            aws_access_key_id=aws.key,
            pid=os.getpid(),
        )
        slice_addresses = {files.key: address.root_url for files in deploy_hook.local_files()}
        with write_atomically(file) as new:  # which other users cannot read
            new.write(json.dumps(address._asdict() | slice_addresses, indent=2) + "\n")
        cleanup.callback(file.unlink, missing_ok=True)
        environment = deployment.resources["SchemaLambdaFunction"]["Properties"]["Environment"]["Variables"]
        yield Stack(address, database, aws, environment["TIME_ZONE"])


def make_private(state: Path, project_state: Path = STATE) -> None:
    """Create the folder, or close it to other users if it is the project's default or already has a stack.

    Raises:
        LocalError: it belongs to another user, or has other content.
    """
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = state.stat()
    if status.st_uid != os.getuid():
        raise LocalError(f"{state} belongs to another user. Choose another folder with --state")
    if status.st_mode & 0o077:
        # The project's default folder may be closed, as only its own commands use it, such as the load test for JMeter.
        if state != project_state and any(state.iterdir()) and not (state / "lock").exists():
            raise LocalError(
                f"{state} is open to other users, and has other content. Choose another folder with --state"
            )
        state.chmod(0o700)


@contextlib.contextmanager
def explain_failures(aws: emulator.Emulator) -> Iterator[None]:
    """Convert errors of calls to the emulator, and of files, to a LocalError.

    Raises:
        LocalError: a call failed, or a file could not be used.
    """
    try:
        yield
    except (BotoCoreError, ClientError, OSError, HTTPError) as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise LocalError(f"{error.filename} cannot be used: {error.strerror}") from None
        with contextlib.suppress(subprocess.TimeoutExpired):
            aws.process.wait(_CRASH_SECONDS)
            raise _ended_error(aws) from None
        raise LocalError(
            f"The emulator does not answer as it should ({type(error).__name__}: {error}); its log, {aws.log}, "
            f"ends:\n{tail(aws.log)}"
        ) from None


def _ended_error(aws: emulator.Emulator) -> LocalError:
    return LocalError(f"The emulator ended by itself; {emulator.LOSS}. Its log, {aws.log}, ends:\n{tail(aws.log)}")


@contextlib.contextmanager
def _lock_state(state: Path, print_status: emulator.PrintStatus) -> Iterator[int]:
    """Lock the folder, and yield the descriptor of the lock's file, which has the number of this process."""
    with (state / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            pid = lock.read().strip()
            if not pid or _is_running(int(pid)):
                raise LocalError(
                    f"A stack already runs on this folder, as process {pid or 'unknown'}. Stop it, or use it: once it "
                    f"is ready, {state / 'stack.json'} has its addresses."
                ) from None
            print_status("ending the processes of a run that was killed")
            fcntl.flock(lock, fcntl.LOCK_EX)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield lock.fileno()
        lock.truncate(0)


def _is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextlib.contextmanager
def _lock_packaging() -> Iterator[None]:
    """Wait until no other stack is being deployed, as osls always uses the folder .serverless."""
    with (ROOT / "serverless.yml").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _deploy(
    state: Path, aws: emulator.Emulator, database: postgres.Postgres, parameters: Mapping[str, str]
) -> tuple[ignored_settings.LocalDeployment, Mapping[str, str], str]:
    environment = aws.environment() | {
        "LOCAL_DB_HOST": database.host,
        # A separate cache for each interpreter and platform, which the plugin does not distinguish.
        "LOCAL_PIP_CACHE": str(state / "pip" / f"{sys.implementation.cache_tag}-{sysconfig.get_platform()}"),
        "SLS_AWS_MONITORING_FREQUENCY": "250",
        "NODE_OPTIONS": quick_package(),
        watchdog.STATE_VARIABLE: str(state),
    }
    options = ["--stage", STAGE, *(f"--param={name}={value}" for name, value in parameters.items())]
    log = state / "deploy.log"
    with _lock_packaging():
        # This also packages; a separate `sls package --package FOLDER` would copy everything once more.
        if osls.run("deploy", options, environment, log):
            if not aws.is_running():
                raise _ended_error(aws)
            raise LocalError(f"sls {' '.join(['deploy', *options])} failed; its output, {log}, ends:\n{tail(log, 30)}")
        template = json.loads((ROOT / ".serverless" / "cloudformation-template-update-stack.json").read_text())
    cloudformation = aws.client("cloudformation")
    outputs = osls.stack_outputs(cloudformation, STAGE)
    resources = cloudformation.describe_stack_resources(StackName=osls.stack_name(STAGE))["StackResources"]
    api = aws.client("apigateway")
    key = api.get_api_key(apiKey=outputs["ApiKeyId"], includeValue=True)["value"]
    deployment = ignored_settings.LocalDeployment(
        resources=template["Resources"],
        ids={resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources},
        api=api,
        functions=aws.client("lambda"),
    )
    return deployment, outputs, key


def quick_package() -> str:
    """Return NODE_OPTIONS with which `sls` packages in half the time; see quick_package.js."""
    option = f"--require {json.dumps(str(ROOT / 'tools' / 'local' / 'quick_package.js'))}"
    return f"{os.environ.get('NODE_OPTIONS', '')} {option}".strip()


def _migrate(
    aws: emulator.Emulator, deployment: ignored_settings.LocalDeployment, print_status: emulator.PrintStatus
) -> None:
    try:
        result = invoke(deployment.functions, deployment.ids["SchemaLambdaFunction"], STAGE, {"action": "migrate"})
    except FunctionFailedError as error:
        raise LocalError(
            f"{error}\nIts log is {aws.log}; `make clean` removes the local database, if you do not need its rows."
        ) from None
    for notice in result["notices"]:  # for example that a newer release migrated the database
        print_status(notice)
