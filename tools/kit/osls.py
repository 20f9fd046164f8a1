"""osls, which packages and deploys serverless.yml, and the CloudFormation stack that it deploys."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from botocore.exceptions import ClientError, NoCredentialsError

from tools.kit.errors import CommandError
from tools.kit.project import ROOT

if TYPE_CHECKING:
    import boto3
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_cloudformation.type_defs import StackTypeDef

_CONFIGURATION = ROOT / "serverless.yml"
_REQUIRED_OUTPUTS = {"QueueUrl", "DeadLetterQueueUrl", "ApiId"}  # without them the stack is not complete

# Types of credentials, by botocore's names, with the profile settings that define each. osls' SDK supports them all:
# node_modules/@aws-sdk/credential-provider-ini.
_CREDENTIAL_SETTINGS = (
    ("assume-role", {"role_arn", "source_profile"}),
    ("assume-role-with-web-identity", {"role_arn", "web_identity_token_file"}),
    ("shared-credentials-file", {"aws_access_key_id"}),
    ("custom-process", {"credential_process"}),
    ("sso", {"sso_account_id"}),
    ("login", {"login_session"}),
)

DATABASE_CLUSTER = "DatabaseCluster"
"""Logical id of the database cluster that is part of a stack."""

DRAIN = "batidaPonto"
"""Key of the drain in serverless.yml; the drain's name on AWS ends with it."""

DRAIN_ID = f"{DRAIN[0].upper()}{DRAIN[1:]}"
"""Prefix of the logical ids that osls gives the drain."""


@cache
def service() -> str:
    """Return the name of the service, which prefixes the names of all resources."""
    configuration = yaml.load(_CONFIGURATION.read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506  texts only
    name: str = configuration["service"]
    return name


def stack_name(stage: str) -> str:
    """Return the name of a stage's CloudFormation stack, which also prefixes the names of its functions."""
    return f"{service()}-{stage}"


def drain_name(stage: str) -> str:
    """Return the name of a stage's drain."""
    return f"{stack_name(stage)}-{DRAIN}"


def run(
    command: str,
    options: Sequence[str],
    environment: Mapping[str, str],
    log: Path | None = None,
    project: Path = ROOT,
) -> int:
    """Run osls on the project's serverless.yml, and return its exit status.

    Args:
        command: command of osls, such as `package` or `deploy`.
        environment: all environment variables; this Python and the project's Node packages are added to PATH.
        log: file for its output. osls, and the pip and Node that it starts, then have a separate process group, which
            is killed if an exception interrupts the wait. None: it prints to standard error, and gets Ctrl-C from the
            terminal.

    Raises:
        CommandError: osls is not installed.
    """
    arguments = ["sls", command, *options]
    with contextlib.nullcontext(sys.stderr) if log is None else log.open("wb") as output:
        try:
            process = subprocess.Popen(  # noqa: S603  fixed arguments
                arguments,
                cwd=project,
                env={**environment, "PATH": search_path(environment, project)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=log is not None,
            )
        except FileNotFoundError:
            raise CommandError("sls is not installed; run make setup") from None
        try:
            return process.wait()
        except BaseException:
            _end(process, own_group=log is not None)
            raise


def search_path(environment: Mapping[str, str], project: Path = ROOT) -> str:
    """Return the PATH of an environment, preceded by the folders of this Python, of its Node, and of `sls`."""
    return f"{Path(sys.executable).parent}:{project / 'node_modules' / '.bin'}:{environment['PATH']}"


def _end(process: subprocess.Popen[bytes], *, own_group: bool) -> None:
    if not own_group:
        process.kill()
        process.wait()
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    process.wait()
    with contextlib.suppress(ProcessLookupError):  # kills children that are still running
        os.killpg(process.pid, signal.SIGKILL)


def create_environment(session: "boto3.Session", stage: str) -> dict[str, str]:
    """Return the environment with which osls uses the same account as a session.

    osls and boto3 choose differently among several credentials, so osls gets only one: the session's profile, if osls
    can resolve and renew the same credentials from it, and otherwise the session's current keys.

    Args:
        stage: the stage, whose AWS_STAGE_* variables are removed, as osls would prefer them.

    Raises:
        botocore.exceptions.NoCredentialsError: the session has no credentials.
    """
    credentials = session.get_credentials()
    if credentials is None:
        raise NoCredentialsError
    prefixes = ("AWS", "AWS_DEFAULT", f"AWS_{stage.upper()}")
    names = ("PROFILE", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")
    removed = {f"{prefix}_{name}" for prefix in prefixes for name in names}
    environment = {name: value for name, value in os.environ.items() if name not in removed}
    if profile := _renewable_profile(session):
        return environment | {"AWS_PROFILE": profile}
    keys = credentials.get_frozen_credentials()
    values = zip(names[1:], (keys.access_key, keys.secret_key, keys.token), strict=True)
    return environment | {f"AWS_{name}": value for name, value in values if value}


def _renewable_profile(session: "boto3.Session") -> str | None:
    """Return the session's profile if osls resolves the same credentials from it, and can renew them; otherwise None.

    If a profile has settings for several types of credentials, osls' SDK and boto3 choose differently.
    """
    import botocore.session  # here, as --help does not need it
    from botocore.credentials import RefreshableCredentials

    credentials = session.get_credentials()
    if not isinstance(credentials, RefreshableCredentials):
        return None
    profiles = botocore.session.Session().full_config["profiles"]
    name, method = session.profile_name, credentials.method
    visited = list[str]()
    while name and name not in visited:
        profile = profiles.get(name, {})
        methods = {method_name for method_name, keys in _CREDENTIAL_SETTINGS if keys <= profile.keys()}
        # osls has no terminal to ask for the code of a second factor.
        if len(methods) != 1 or (not visited and methods != {method}) or "mfa_serial" in profile:
            return None
        visited.append(name)
        name = profile.get("source_profile")
    return session.profile_name


def is_missing(error: ClientError) -> bool:
    """Return whether CloudFormation refused a request because a stack or a resource does not exist."""
    return "does not exist" in error.response["Error"].get("Message", "")


def find_stack(cloudformation: "CloudFormationClient", stage: str) -> "StackTypeDef | None":
    """Return the description of a stage's stack; None if it does not exist."""
    try:
        return cloudformation.describe_stacks(StackName=stack_name(stage))["Stacks"][0]
    except ClientError as error:
        if not is_missing(error):
            raise
        return None


def require_stack(cloudformation: "CloudFormationClient", stage: str) -> "StackTypeDef":
    """Return the description of a stage's stack.

    Raises:
        CommandError: there is no such stack.
    """
    if stack := find_stack(cloudformation, stage):
        return stack
    name, region = stack_name(stage), cloudformation.meta.region_name
    raise CommandError(f"there is no stack {name} in {region}; check --stage, --region and --profile")


def has_resource(cloudformation: "CloudFormationClient", stack: str, logical_id: str) -> bool:
    """Return whether a stack has a resource. One that is being deleted, or could not be deleted, does not count."""
    try:
        description = cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId=logical_id)
    except ClientError as error:
        if not is_missing(error):
            raise
        return False
    return not description["StackResourceDetail"]["ResourceStatus"].startswith("DELETE_")


def deployed_database(cloudformation: "CloudFormationClient", stage: str) -> str | None:
    """Return the value of `database` with which a stage was deployed; None if it has no complete stack.

    `unknown`: the stack is older than version 1.0, and cannot be updated.
    """
    stack = find_stack(cloudformation, stage)
    outputs = _outputs(stack) if stack else {}
    if all(name.startswith("ServerlessDeployment") for name in outputs):  # osls first creates its bucket alone
        return None
    return outputs.get("Database", "unknown") if "QueueUrl" in outputs else "unknown"


def stack_outputs(cloudformation: "CloudFormationClient", stage: str) -> Mapping[str, str]:
    """Return the outputs of a stage's stack, such as the URLs of the queues.

    Raises:
        CommandError: the stack does not exist or is not complete.
    """
    stack = require_stack(cloudformation, stage)
    outputs = _outputs(stack)
    if missing := sorted(_REQUIRED_OUTPUTS - outputs.keys()):
        raise CommandError(
            f"stack {stack_name(stage)} in {cloudformation.meta.region_name} "
            f"({stack['StackStatus']}) has no output {', '.join(missing)}; deploy it again"
        )
    return outputs


def _outputs(stack: "StackTypeDef") -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
