"""osls, which packages and deploys serverless.yml, and the outputs of the stack that it makes."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from botocore.exceptions import ClientError, NoCredentialsError

from tools.kit.errors import CommandError
from tools.kit.output import print_status
from tools.kit.project import ROOT

if TYPE_CHECKING:
    import boto3
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_cloudformation.type_defs import StackTypeDef

_CONFIGURATION = ROOT / "serverless.yml"
_REQUIRED = {"PunchQueueUrl", "DeadLetterQueueUrl", "ApiId"}  # outputs of every version

_LONG_DEPLOY_SECONDS = 3600

# Kinds of credentials by botocore's names, and the settings of a profile that make each. osls' SDK knows all of them:
# node_modules/@aws-sdk/credential-provider-ini.
_CREDENTIALS_SETTINGS = (
    ("assume-role", {"role_arn", "source_profile"}),
    ("assume-role-with-web-identity", {"role_arn", "web_identity_token_file"}),
    ("shared-credentials-file", {"aws_access_key_id"}),
    ("custom-process", {"credential_process"}),
    ("sso", {"sso_account_id"}),
    ("login", {"login_session"}),
)

DATABASE_CLUSTER = "DatabaseCluster"
"""The logical id of the cluster that a stack makes itself."""


@cache
def service() -> str:
    """Return the name of the service, with which the names of all that a stage has begin; a copy may have another."""
    configuration = yaml.load(_CONFIGURATION.read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506  texts only
    name: str = configuration["service"]
    return name


def stack_name(stage: str) -> str:
    """Name the CloudFormation stack of a stage, which also starts the functions' names."""
    return f"{service()}-{stage}"


def run(
    command: str,
    options: Sequence[str],
    environment: Mapping[str, str],
    log: Path | None = None,
    project: Path = ROOT,
) -> int:
    """Run osls on the project's serverless.yml, and wait for its end.

    Args:
        command: of osls: `package`, `deploy`.
        environment: all of its variables; to PATH this Python and the project's Node packages are added.
        log: a file for what it prints. It is then not in the terminal's process group but in one of its own, with the
            pip and the Node that it starts, and whatever interrupts the waiting ends all of them. None: it prints to
            standard error, and Ctrl-C reaches it from the terminal.

    Returns:
        Its exit status.

    Raises:
        CommandError: it is not installed.
    """
    words = ["sls", command, *options]
    with contextlib.nullcontext(sys.stderr) if log is None else log.open("wb") as output:
        try:
            process = subprocess.Popen(  # noqa: S603  our own words
                words,
                cwd=project,
                env={**environment, "PATH": search_path(environment, project)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=log is not None,
            )
        except FileNotFoundError:
            raise CommandError("sls is not installed; make setup does it") from None
        try:
            return process.wait()
        except BaseException:
            _end(process, own_group=log is not None)
            raise


def search_path(environment: Mapping[str, str], project: Path = ROOT) -> str:
    """Return the PATH of an environment with this interpreter, the Node beside it, and `sls` first."""
    return f"{Path(sys.executable).parent}:{project / 'node_modules' / '.bin'}:{environment['PATH']}"


def _end(process: subprocess.Popen[bytes], *, own_group: bool) -> None:
    if not own_group:
        process.kill()
        process.wait()
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    process.wait()
    with contextlib.suppress(ProcessLookupError):  # those that it waited for are slower, or gone too
        os.killpg(process.pid, signal.SIGKILL)


def create_environment(session: "boto3.Session", stage: str) -> dict[str, str]:
    """Return the environment in which osls works on the account that was announced, and on no other.

    osls prefers other profiles and keys than boto3, so it gets one source of credentials only: the session's profile,
    if osls resolves and renews the same credentials by it, or else the session's current keys.

    Args:
        stage: whose own variables osls would prefer.

    Raises:
        botocore.exceptions.NoCredentialsError: the session has none.
    """
    credentials = session.get_credentials()
    if credentials is None:
        raise NoCredentialsError
    prefixes = ("AWS", "AWS_DEFAULT", f"AWS_{stage.upper()}")
    names = ("PROFILE", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")
    chosen = {f"{prefix}_{name}" for prefix in prefixes for name in names}
    environment = {name: value for name, value in os.environ.items() if name not in chosen}
    if profile := _renewable_profile(session):
        return environment | {"AWS_PROFILE": profile}
    keys = credentials.get_frozen_credentials()
    given = zip(names[1:], (keys.access_key, keys.secret_key, keys.token), strict=True)
    return environment | {f"AWS_{name}": value for name, value in given if value}


def warn_if_expiring(session: "boto3.Session") -> None:
    """Print when the session's credentials expire, if that is within the hour and osls cannot renew them."""
    expires_at = getattr(session.get_credentials(), "_expiry_time", None)  # botocore has no public name for it
    if expires_at is None or _renewable_profile(session):
        return
    seconds = (expires_at - datetime.now(UTC)).total_seconds()
    if seconds < _LONG_DEPLOY_SECONDS:
        print_status(
            f"the credentials expire in {max(0, seconds) // 60:.0f} minutes, and osls cannot renew them: if it takes "
            "longer, it ends with ExpiredToken. Then run this again (docs/deploy.md#an-account-a-shell)"
        )


def _renewable_profile(session: "boto3.Session") -> str | None:
    """Return the name of the session's profile if osls gets the session's credentials by it, and can renew them.

    Where a profile has settings for several kinds of credentials, osls' SDK and boto3 choose differently: None then.
    """
    import botocore.session  # here: --help waits for it
    from botocore.credentials import RefreshableCredentials

    credentials = session.get_credentials()
    if not isinstance(credentials, RefreshableCredentials):
        return None
    profiles = botocore.session.Session().full_config["profiles"]
    name, method = session.profile_name, credentials.method
    visited = list[str]()
    while name and name not in visited:
        profile = profiles.get(name, {})
        kinds = {kind for kind, keys in _CREDENTIALS_SETTINGS if keys <= profile.keys()}
        # osls has no terminal to ask for the code of a second factor.
        if len(kinds) != 1 or (not visited and kinds != {method}) or "mfa_serial" in profile:
            return None
        visited.append(name)
        name = profile.get("source_profile")
    return session.profile_name


def is_missing(error: ClientError) -> bool:
    """Return whether CloudFormation refused a request because a stack, or a resource of it, does not exist."""
    return "does not exist" in error.response["Error"].get("Message", "")


def find_stack(formation: "CloudFormationClient", stage: str) -> "StackTypeDef | None":
    """Describe a stage's stack; None: there is none."""
    try:
        return formation.describe_stacks(StackName=stack_name(stage))["Stacks"][0]
    except ClientError as error:
        if not is_missing(error):
            raise
        return None


def require_stack(formation: "CloudFormationClient", stage: str) -> "StackTypeDef":
    """Describe a stage's stack.

    Raises:
        CommandError: there is no such stack.
    """
    if found := find_stack(formation, stage):
        return found
    stack, region = stack_name(stage), formation.meta.region_name
    raise CommandError(f"no stack {stack} in {region}; is --stage, --region or --profile another?")


def has_resource(formation: "CloudFormationClient", stack: str, logical_id: str) -> bool:
    """Return whether a stack has a resource. One that could not be deleted is no longer the stack's."""
    try:
        found = formation.describe_stack_resource(StackName=stack, LogicalResourceId=logical_id)
    except ClientError as error:
        if not is_missing(error):
            raise
        return False
    return not found["StackResourceDetail"]["ResourceStatus"].startswith("DELETE_")


def deployed_database(formation: "CloudFormationClient", stage: str) -> str | None:
    """Return what a deployed stage's `database` was: create, existing or express; None: it has no complete stack.

    Of a stack from before the first version it is unknown; such a one cannot be updated.
    """
    found = find_stack(formation, stage)
    outputs = _outputs(found) if found else {}
    return outputs.get("Database", "unknown") if outputs.keys() >= _REQUIRED else None


def stack_outputs(formation: "CloudFormationClient", stage: str) -> Mapping[str, str]:
    """Return the outputs of a stage's stack, the queues' addresses among them.

    Raises:
        CommandError: there is no such stack, or it is not complete.
    """
    found = require_stack(formation, stage)
    outputs = _outputs(found)
    if missing := sorted(_REQUIRED - outputs.keys()):
        raise CommandError(
            f"stack {stack_name(stage)} in {formation.meta.region_name} "
            f"({found['StackStatus']}) has no output {', '.join(missing)}; deploy it again"
        )
    return outputs


def _outputs(stack: "StackTypeDef") -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
