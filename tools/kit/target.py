"""Which deployment a command works on: its addresses, and clients to reach them."""

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

from tools.kit import local_stack
from tools.kit import options as opt
from tools.kit.errors import CommandError
from tools.kit.osls import stack_name, stack_outputs
from tools.kit.output import print_status

if TYPE_CHECKING:
    import boto3
    from botocore.config import Config
    from types_boto3_apigateway import APIGatewayClient
    from types_boto3_lambda import LambdaClient
    from types_boto3_sqs import SQSClient

LOCAL = local_stack.STAGE

TIMEOUT_SECONDS = 600
"""That a statement in the database may take, unless --timeout says otherwise."""

_REGION = "us-east-1"  # serverless.yml's default, and the emulator's

LONG_CALL_SETTINGS = {"read_timeout": 910, "tcp_keepalive": True}
"""Settings of `config` for functions, which may run for 900 s: a NAT on the way forgets what is silent for minutes."""


def config(*, attempts: int = 4, **settings: Any) -> "Config":
    """Return settings of a client of AWS."""
    from botocore.config import Config  # here: --help waits for it

    return Config(connect_timeout=5, retries={"mode": "standard", "total_max_attempts": attempts}, **settings)


class Target(NamedTuple):
    """A deployment."""

    stage: str
    queue_url: str
    dlq_url: str
    session: "boto3.Session"
    api_id: str
    api_url: str  # where the API takes punches
    endpoint_url: str | None = None  # the emulator's; None is AWS
    operator_role_arn: str | None = None  # as whom people send; None: an emulator
    backup_days: int | None = None  # for which the stage's own cluster is backed up; None: none

    @property
    def stack(self) -> str:
        """The name of the CloudFormation stack."""
        return stack_name(self.stage)

    @property
    def function(self) -> str:
        """The name of the function that drains the queue."""
        return f"{self.stack}-batidaPonto"

    @property
    def has_metrics(self) -> bool:
        """Whether its CloudWatch has figures of queues and functions: an emulator's has none."""
        return not (self.endpoint_url or emulator_url())

    def sqs(self) -> "SQSClient":
        """Make a client of SQS."""
        return self.session.client("sqs", endpoint_url=self.endpoint_url, config=config())

    def sender(self, purpose: str) -> "SQSClient":
        """Make a client of SQS that may send to the queue of punches: as the operator's role, where there is one.

        `purpose` is a word for the name of the role's session, which CloudTrail shows.

        Raises:
            CommandError: the user may not take the role on.
        """
        if self.operator_role_arn is None:
            return self.sqs()
        try:
            # For an hour, the most where the user's own session is of a role: a redrive is done long before.
            taken_on = self.session.client("sts", config=config()).assume_role(
                RoleArn=self.operator_role_arn, RoleSessionName=f"ponto-{purpose}"
            )["Credentials"]
        except ClientError as error:
            if error.response["Error"].get("Code") != "AccessDenied":
                raise
            raise CommandError(
                f"{explain(error)}\nOnly the operator's role may send to the queue of punches; let IAM allow "
                f"sts:AssumeRole on {self.operator_role_arn} to whoever does"
            ) from None
        import boto3  # here: --help waits a second for it

        session = boto3.Session(
            aws_access_key_id=taken_on["AccessKeyId"],
            aws_secret_access_key=taken_on["SecretAccessKey"],
            aws_session_token=taken_on["SessionToken"],
            region_name=self.session.region_name,
        )
        return session.client("sqs", config=config())

    def functions(self) -> "LambdaClient":
        """Make a client of Lambda."""
        return self.session.client("lambda", endpoint_url=self.endpoint_url, config=config())

    def metrics(self) -> Any:
        """Make a client of CloudWatch."""
        return self.session.client("cloudwatch", endpoint_url=self.endpoint_url, config=config())

    def gateway(self) -> "APIGatewayClient":
        """Make a client of API Gateway's administration."""
        return self.session.client("apigateway", endpoint_url=self.endpoint_url, config=config())


class TargetOptions(NamedTuple):
    """Deployment or database that the options name; without any, the local stack."""

    stage: str = LOCAL
    state: Path | None = None  # the local stack's folder
    profile: str | None = None
    region: str | None = None
    timeout_seconds: int = TIMEOUT_SECONDS  # of a statement in the database, s; 0: none
    reads_by_function: bool = False  # the database is read by a function of the stage, which was named
    database_from_environment: bool = False  # the database is that of the variables DB_*, instead of the local stack's


def with_options(*options: Callable[[Any], Any]) -> Callable[[opt.Function], opt.Function]:
    """Add options to a command, which receives their values in one argument, `target_options`.

    Args:
        options: decorators of Click; the name of each option is a field of `TargetOptions`.
    """

    def decorate(function: opt.Function) -> opt.Function:
        @wraps(function)
        def call(*args: Any, **values: Any) -> Any:
            fields = {name: values.pop(name) for name in TargetOptions._fields if name in values}
            return function(*args, target_options=TargetOptions(**fields), **values)

        command: Callable[..., Any] = call
        for option in reversed(options):
            command = option(command)
        return cast(opt.Function, command)

    return decorate


PROFILE = click.option("--profile", show_default=False, help="AWS: of the credentials.")
REGION = click.option(
    "--region",
    show_default=False,
    help=f"AWS: default AWS_REGION, AWS_DEFAULT_REGION, then {_REGION}, as in serverless.yml.",
)
account_options = with_options(PROFILE, REGION)
"""Options that name an account and a region."""

options = with_options(
    click.option("--stage", default=LOCAL, help="`local` is the one of make run."), opt.state, PROFILE, REGION
)
"""Options that name a deployment."""


def create_session(target_options: TargetOptions) -> "boto3.Session":
    """Make a session for the account and region that the options named."""
    region = target_options.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or _REGION
    import boto3  # here: --help waits a second for it

    return boto3.Session(profile_name=target_options.profile, region_name=region)


def emulator_url() -> str | None:
    """Return the address of the emulator that boto3 calls instead of AWS; None: it calls AWS."""
    return os.environ.get("AWS_ENDPOINT_URL")


class Account(NamedTuple):
    """The account that a stage is deployed to."""

    session: "boto3.Session"
    id: str
    description: str  # account and region, for people


def announce(target_options: TargetOptions) -> Account:
    """Print which account and region a command is about to change.

    Raises:
        CommandError: the stage is local, and this is AWS.
    """
    if target_options.stage == LOCAL and not emulator_url():
        raise CommandError("stage local is for the emulator: make run deploys it; name another stage for AWS")
    session = create_session(target_options)
    identity = session.client("sts").get_caller_identity()
    description = f"account {identity['Account']}, region {session.region_name}"
    if address := emulator_url():
        description += f", the emulator at {address}"
    print_status(f"stage {target_options.stage}: {description}, as {identity['Arn']}")
    return Account(session, identity["Account"], description)


def find(target_options: TargetOptions) -> Target:
    """Find the deployment that the options named.

    Raises:
        CommandError: there is none, or it is not complete.
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
    """Return a function that creates clients of a stage's AWS by service, as `client` of boto3's sessions.

    Raises:
        CommandError: no local stack runs.
    """
    local = _local_target(target_options) if target_options.stage == LOCAL else None
    session = local.session if local else create_session(target_options)
    return partial(session.client, endpoint_url=local.endpoint_url if local else None, config=config())


def function_client(
    target_options: TargetOptions, name: str, *, single_attempt: bool = False
) -> tuple["LambdaClient", str]:
    """Return a client that may wait for a function of a stage, and the function's name there.

    It looks nothing up: who may invoke the function needs no other right.

    Args:
        name: of the function, as in serverless.yml.
        single_attempt: the client tries nothing again: a function of which no answer came may run still.

    Raises:
        CommandError: no local stack runs.
    """
    settings = config(attempts=1 if single_attempt else 4, **LONG_CALL_SETTINGS)
    functions: LambdaClient = client_factory(target_options)("lambda", config=settings)
    return functions, f"{stack_name(target_options.stage)}-{name}"


def explain(error: BotoCoreError | ClientError) -> str:
    """Describe in a line why a call of AWS failed, and what to do."""
    if isinstance(error, ClientError):
        reason = error.response["Error"]
        return f"AWS refused {error.operation_name}: {reason.get('Code', '')}: {reason.get('Message', '')}"
    if isinstance(error, NoCredentialsError):
        return "no AWS credentials; set AWS_PROFILE, or give --profile"
    if isinstance(error, EndpointConnectionError | ConnectTimeoutError):
        is_local = urlsplit(error.kwargs.get("endpoint_url", "")).hostname in ("127.0.0.1", "localhost")
        return f"{error} Is {'the stack up (make run)' if is_local else 'the network up, and the region right'}?"
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
    """Return the deployment of a stack, by its outputs and a session of its account and region."""
    endpoint = emulator_url()
    api_id = outputs["ApiId"]
    return Target(
        stage=stage,
        queue_url=outputs["PunchQueueUrl"],
        dlq_url=outputs["DeadLetterQueueUrl"],
        session=session,
        api_id=api_id,
        api_url=f"{endpoint}/restapis/{api_id}/{stage}/_user_request_/ponto" if endpoint else outputs["ApiUrl"],
        # An emulator holds no policy against anybody, and ours admits one key only.
        operator_role_arn=None if endpoint else outputs.get("OperatorRoleArn"),
        backup_days=int(outputs["BackupDays"]) if "BackupDays" in outputs else None,
    )
