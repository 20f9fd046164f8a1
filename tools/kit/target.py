"""Deployment that a command works on: its addresses, its AWS clients, and the options that name it."""

import os
from collections.abc import Callable, Mapping
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import urlsplit

import click
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
)

from ponto.punch import EVENT
from tools.kit import local_stack, shared_options
from tools.kit.errors import CommandError
from tools.kit.osls import drain_name, stack_name, stack_outputs
from tools.kit.output import print_status

if TYPE_CHECKING:
    import boto3
    from botocore.config import Config
    from types_boto3_apigateway import APIGatewayClient
    from types_boto3_lambda import LambdaClient
    from types_boto3_sqs import SQSClient

LOCAL = local_stack.STAGE

TIMEOUT_SECONDS = 600
"""Default of --timeout, the limit of the statements of a request to the function `read`."""

_REGION = "us-east-1"  # default of serverless.yml; the emulator's region

LONG_CALL_SETTINGS = {"read_timeout": 910, "tcp_keepalive": True}
"""Arguments of `config` for functions, which may run for 900 s. A NAT drops connections that are idle for minutes."""


def config(*, attempts: int = 4, **settings: Any) -> "Config":
    """Return the settings of an AWS client."""
    from botocore.config import Config  # here, as --help does not need it

    return Config(connect_timeout=5, retries={"mode": "standard", "total_max_attempts": attempts}, **settings)


class Target(NamedTuple):
    """A deployment."""

    stage: str
    queue_url: str
    dlq_url: str
    session: "boto3.Session"
    api_id: str
    api_url: str  # address to which punches are posted
    endpoint_url: str | None = None  # the emulator's; None: AWS
    operator_role_arn: str | None = None  # role that may send to the queue; None: for an emulator
    backup_days: int | None = None  # backup retention of the stage's cluster; None: an existing database

    @property
    def stack(self) -> str:
        """Name of the CloudFormation stack."""
        return stack_name(self.stage)

    @property
    def drain(self) -> str:
        """Name of the function that drains the queue."""
        return drain_name(self.stage)

    @property
    def has_metrics(self) -> bool:
        """True if CloudWatch has metrics of queues and functions; an emulator has none."""
        return not (self.endpoint_url or emulator_url())

    def sqs(self) -> "SQSClient":
        """Create a client of SQS."""
        return self.session.client("sqs", endpoint_url=self.endpoint_url, config=config())

    def sender(self, purpose: str) -> "SQSClient":
        """Create a client of SQS that may send to the queue of punches, with the operator's role on AWS.

        Args:
            purpose: a word for the name of the role's session, which CloudTrail shows.

        Raises:
            CommandError: the user may not assume the role.
        """
        if self.operator_role_arn is None:
            return self.sqs()
        try:
            # The session lasts an hour, which is AWS's limit for role chaining. A redrive takes less.
            credentials = self.session.client("sts", config=config()).assume_role(
                RoleArn=self.operator_role_arn, RoleSessionName=f"ponto-{purpose}"
            )["Credentials"]
        except ClientError as error:
            if error.response["Error"].get("Code") != "AccessDenied":
                raise
            raise CommandError(
                f"{explain(error)}\nOnly the operator's role may send to the queue of punches. Allow this user "
                f"sts:AssumeRole on {self.operator_role_arn}"
            ) from None
        import boto3  # here, as importing it takes a second and --help does not need it

        session = boto3.Session(
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
            region_name=self.session.region_name,
        )
        return session.client("sqs", config=config())

    def functions(self) -> "LambdaClient":
        """Create a client of Lambda."""
        return self.session.client("lambda", endpoint_url=self.endpoint_url, config=config())

    def metrics(self) -> Any:
        """Create a client of CloudWatch."""
        return self.session.client("cloudwatch", endpoint_url=self.endpoint_url, config=config())

    def gateway(self) -> "APIGatewayClient":
        """Create a client of API Gateway's administration."""
        return self.session.client("apigateway", endpoint_url=self.endpoint_url, config=config())


class TargetOptions(NamedTuple):
    """Values of the options that name a deployment; by default the local stack."""

    stage: str = LOCAL
    state: Path | None = None  # the local stack's folder
    profile: str | None = None
    region: str | None = None
    timeout_seconds: int = TIMEOUT_SECONDS  # limit of the statements of a request to `read`; 0: the function's


def with_options(*options: Callable[[Any], Any]) -> Callable[[shared_options.Function], shared_options.Function]:
    """Add options to a command, which receives their values in one argument, `target_options`.

    Args:
        options: decorators of Click; the name of each option is a field of `TargetOptions`.
    """

    def decorate(function: shared_options.Function) -> shared_options.Function:
        @wraps(function)
        def call(*args: Any, **values: Any) -> Any:
            fields = {name: values.pop(name) for name in TargetOptions._fields if name in values}
            return function(*args, target_options=TargetOptions(**fields), **values)

        command: Callable[..., Any] = call
        for option in reversed(options):
            command = option(command)
        return cast(shared_options.Function, command)

    return decorate


PROFILE = click.option("--profile", help="AWS profile with the credentials.")
REGION = click.option("--region", help=f"AWS region (default: AWS_REGION, AWS_DEFAULT_REGION, or {_REGION}).")
account_options = with_options(PROFILE, REGION)
"""Options that name an account and a region."""

OPTIONS = (
    click.option("--stage", default=LOCAL, help="Deployed stage; `local` is the stack of make run."),
    shared_options.state,
    PROFILE,
    REGION,
)
"""Decorators of the options that name a deployment."""

options = with_options(*OPTIONS)
"""Options that name a deployment."""


def create_session(target_options: TargetOptions) -> "boto3.Session":
    """Create a boto3 session for the account and region that the options name."""
    region = target_options.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or _REGION
    import boto3  # here, as importing it takes a second and --help does not need it

    return boto3.Session(profile_name=target_options.profile, region_name=region)


def emulator_url() -> str | None:
    """Return the URL of the emulator that boto3 calls instead of AWS; None if it calls AWS."""
    return os.environ.get("AWS_ENDPOINT_URL")


class Account(NamedTuple):
    """Account to which a stage is deployed."""

    session: "boto3.Session"
    id: str
    description: str  # account and region, for messages


def announce(target_options: TargetOptions) -> Account:
    """Print, and return, the account and region that a command is about to change.

    Raises:
        CommandError: the stage is `local`, but boto3 calls AWS.
    """
    if target_options.stage == LOCAL and not emulator_url():
        raise CommandError(
            "the stage local is for the emulator, to which make run deploys it; name another stage for AWS"
        )
    session = create_session(target_options)
    identity = session.client("sts").get_caller_identity()
    description = f"account {identity['Account']}, region {session.region_name}"
    if address := emulator_url():
        description += f", the emulator at {address}"
    print_status(f"stage {target_options.stage}: {description}, as {identity['Arn']}")
    return Account(session, identity["Account"], description)


def find(target_options: TargetOptions) -> Target:
    """Return the deployment that the options name.

    Raises:
        CommandError: it does not exist or is not complete.
    """
    if target_options.stage == LOCAL:
        return _local_target(target_options)
    session = create_session(target_options)
    return from_outputs(
        session,
        target_options.stage,
        stack_outputs(session.client("cloudformation", config=config()), target_options.stage),
    )


def client_factory(target_options: TargetOptions) -> Callable[..., Any]:
    """Return a function that creates clients for a stage, with the arguments of boto3's `Session.client`.

    Raises:
        CommandError: no local stack runs.
    """
    local = _local_target(target_options) if target_options.stage == LOCAL else None
    session = local.session if local else create_session(target_options)
    return partial(session.client, endpoint_url=local.endpoint_url if local else None, config=config())


def function_client(
    target_options: TargetOptions, name: str, *, single_attempt: bool = False
) -> tuple["LambdaClient", str]:
    """Return a client with which to invoke a function of a stage, and the function's full name.

    No other AWS call is made, so the caller needs only the permission to invoke the function.

    Args:
        name: name of the function in serverless.yml.
        single_attempt: do not retry, as a function that did not answer may still run.

    Raises:
        CommandError: no local stack runs.
    """
    settings = config(attempts=1 if single_attempt else 4, **LONG_CALL_SETTINGS)
    functions: LambdaClient = client_factory(target_options)("lambda", config=settings)
    return functions, f"{stack_name(target_options.stage)}-{name}"


def explain(error: BotoCoreError | ClientError) -> str:
    """Describe in one line why an AWS call failed, and what to do."""
    if isinstance(error, ClientError):
        reason = error.response["Error"]
        return f"AWS refused {error.operation_name}: {reason.get('Code', '')}: {reason.get('Message', '')}"
    if isinstance(error, NoCredentialsError):
        return "there are no AWS credentials; set AWS_PROFILE or --profile"
    if isinstance(error, EndpointConnectionError | ConnectTimeoutError):
        is_local = urlsplit(error.kwargs.get("endpoint_url", "")).hostname in ("127.0.0.1", "localhost")
        return f"{error} Check {'that make run is running' if is_local else 'the network and the region'}."
    return f"{type(error).__name__}: {error}"


def _local_target(target_options: TargetOptions) -> Target:
    address = local_stack.find(target_options.state)
    return Target(
        stage=LOCAL,
        queue_url=address.queue_url,
        dlq_url=address.dlq_url,
        session=address.session(),
        endpoint_url=address.aws_endpoint_url,
        api_id=address.api_id,
        api_url=address.api_url,
    )


def from_outputs(session: "boto3.Session", stage: str, outputs: Mapping[str, str]) -> Target:
    """Return a stage's deployment from its stack's outputs and a session for its account and region."""
    endpoint = emulator_url()
    api_id = outputs["ApiId"]
    return Target(
        stage=stage,
        queue_url=outputs["QueueUrl"],
        dlq_url=outputs["DeadLetterQueueUrl"],
        session=session,
        api_id=api_id,
        api_url=f"{endpoint}/restapis/{api_id}/{stage}/_user_request_{EVENT.path}" if endpoint else outputs["ApiUrl"],
        # An emulator does not enforce policies; the local stack's guard admits only one access key.
        operator_role_arn=None if endpoint else outputs.get("OperatorRoleArn"),
        backup_days=int(outputs["BackupDays"]) if "BackupDays" in outputs else None,
    )
