"""`ponto deploy`: deploy a stage, migrate its database, and prove with one punch that it works."""

import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import click
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from tools.deploy import proof, quotas
from tools.kit import commands, osls, target
from tools.kit import options as opt
from tools.kit.errors import CommandError
from tools.kit.osls import outputs_of, stack_name
from tools.kit.output import camel_case, print_json, print_result, print_status

_MIGRATED = 910  # s: longer than the function schema may run

_EPILOG = """examples:
  ponto deploy --stage dev
  ponto deploy --stage prod --yes --json      asks nothing, as in CI
  ponto deploy --stage dev --param tracing=true --param alarmEmail=oncall@example.com

exit status: 0 done, 1 deployed but not migrated or not proven, 2 not deployed
"""


class Compiled(NamedTuple):
    """What the compiled stage says of the steps to come."""

    is_protected: bool  # against deletion: a stage where people punch
    needs_token: bool  # of an employee's own sign-in, which this command has not
    demand: quotas.Demand


class Done(NamedTuple):
    """What the command prints."""

    stage: str
    account: str
    region: str
    is_protected: bool
    applied: list[str]  # migrations
    notices: list[str]  # of the migrations
    punch: proof.Proof
    url: str
    key_id: str  # never the key

    def show_key(self) -> str:
        """The command that shows the API key to whoever may see it."""
        command = "aws apigateway get-api-key --include-value --query value --output text"
        return f"{command} --region {self.region} --api-key {self.key_id}"

    def for_machines(self) -> dict[str, Any]:
        """Everything, and the command for the key."""
        return camel_case(self._asdict() | {"punch": self.punch._asdict(), "show_key": self.show_key()})

    def for_people(self) -> str:
        """The same, a line each."""
        protected = "; the stack is protected from deletion" if self.is_protected else ""
        return "\n".join(
            [
                f"deployed   {self.stage}, account {self.account}, region {self.region}{protected}",
                f"migrated   {', '.join(self.applied) or 'nothing to do'}",
                f"proven     punch {self.punch.id} is a row, {self.punch.seconds:.1f} s after it was accepted",
                f"URL        {self.url}",
                f"API key    {self.show_key()}",
            ]
        )


@commands.command(epilog=_EPILOG)
@click.option("--stage", required=True, help="A section of params: in serverless.yml, or a new name.")
@click.option("--yes", is_flag=True, show_default=False, help="Do not ask before a stage that is protected.")
@click.option(
    "--param", "params", multiple=True, metavar="NAME=VALUE", help="For this deploy only, as for sls; repeatable."
)
@click.option("--wait", type=opt.COUNT, default=180, metavar="SECONDS", help="For the punch's row.")
@opt.as_json
@target.account_options
def deploy(where: target.Where, params: Sequence[str], wait: int, *, yes: bool, as_json: bool) -> None:
    """Deploy a stage, migrate its database, and prove it with one punch.

    Prints which account and region, holds the stage against the account's quotas, deploys with `sls deploy`, applies
    the migrations, and sends one punch of a reserved employee all the way to its row. May be repeated at any time.
    Progress goes to standard error.
    """
    stage, session = where.stage, target.session_of(where)
    emulator = os.environ.get("AWS_ENDPOINT_URL")
    if stage == target.LOCAL and not emulator:
        raise CommandError("stage local is for the emulator: make run deploys it; name another stage for AWS")
    identity = session.client("sts").get_caller_identity()
    account, region = identity["Account"], session.region_name
    place = f"account {account}, region {region}" + (f", the emulator at {emulator}" if emulator else "")
    print_status(f"stage {stage}: {place}, as {identity['Arn']}")

    compiled = _deploy(session, stage, params, place, is_confirmed=yes)
    try:
        done = _migrate_and_prove(session, stage, account, compiled, emulator, wait)
    except (BotoCoreError, ClientError) as error:
        raise CommandError(
            f"{target.explain(error)}\nThe stage is deployed, but not proven. Mend the cause, and deploy again.",
            status=1,
        ) from error
    if as_json:
        print_json(done.for_machines())
    else:
        print_result(done.for_people())


def _migrate_and_prove(
    session: boto3.Session, stage: str, account: str, compiled: Compiled, emulator: str | None, wait: int
) -> Done:
    outputs = outputs_of(session.client("cloudformation"), stage)
    # One attempt: a second call of a slow migration would only wait for the first. Nothing is said meanwhile, and
    # what is silent for minutes is forgotten by a NAT on the way.
    config = Config(read_timeout=_MIGRATED, retries={"total_max_attempts": 1}, tcp_keepalive=True)
    functions = session.client("lambda", config=config)
    print_status("applying the migrations")
    migrated = proof.invoke_schema(functions, stage, {})
    for notice in migrated["notices"]:
        print_status(f"  {notice}")
    url = proof.address_of(outputs, stage, emulator)
    print_status(f"punching once for the reserved employee {proof.RESERVED_EMPLOYEE}")
    punch_id, message_id = proof.punch_once(session, url, outputs, needs_token=compiled.needs_token)
    proven = proof.await_row(functions, stage, punch_id, message_id, wait)
    return Done(
        stage,
        account,
        session.region_name,
        compiled.is_protected,
        **migrated,
        punch=proven,
        url=url,
        key_id=outputs["ApiKeyId"],
    )


def _deploy(session: boto3.Session, stage: str, params: Sequence[str], place: str, *, is_confirmed: bool) -> Compiled:
    with tempfile.TemporaryDirectory(prefix="ponto-") as temporary:
        package = Path(temporary) / "package"  # aside: .serverless is emptied by whatever packages next
        options = ["--stage", stage, "--region", session.region_name, "--package", str(package)]
        options += [f"--param={given}" for given in params]
        _sls("package", options, credentials_for_sls(session, stage))
        compiled = read(package)
        quotas.require(session, stack_name(stage), compiled.demand)
        if compiled.is_protected and not is_confirmed:
            _confirm(stage, place)
        _sls("deploy", options, credentials_for_sls(session, stage))
    return compiled


def read(package: Path) -> Compiled:
    """Read what `sls package` wrote.

    Args:
        package: its folder.
    """
    configuration = json.loads((package / "serverless-state.json").read_text(encoding="utf-8"))["service"]
    template = json.loads((package / "cloudformation-template-update-stack.json").read_text(encoding="utf-8"))
    return Compiled(
        is_protected=configuration["provider"]["deletionProtection"],
        needs_token=template["Resources"]["PostPunch"]["Properties"]["AuthorizationType"] != "NONE",
        demand=quotas.demand_of(template),
    )


def _confirm(stage: str, place: str) -> None:
    if not sys.stdin.isatty():
        raise CommandError(f"stage {stage} is protected, and nobody is here to be asked: give --yes")
    print_status(f"People punch here. Type {stage} to deploy it to {place}:")
    if input().strip() != stage:
        raise CommandError("not deployed")


def credentials_for_sls(session: boto3.Session, stage: str) -> dict[str, str]:
    """Give the environment in which osls works on the account that was announced, and on no other.

    Of profiles and keys osls prefers others than boto3, so it is given the session's keys and nothing to choose from.

    Args:
        session: whose keys they are.
        stage: whose own variables osls would prefer.

    Raises:
        botocore.exceptions.NoCredentialsError: the session has none.
    """
    credentials = session.get_credentials()
    if credentials is None:
        raise NoCredentialsError
    keys = credentials.get_frozen_credentials()
    prefixes = ("AWS", "AWS_DEFAULT", f"AWS_{stage.upper()}")
    names = ("PROFILE", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")
    chosen = {f"{prefix}_{name}" for prefix in prefixes for name in names}
    environment = {name: value for name, value in os.environ.items() if name not in chosen}
    given = zip(names[1:], (keys.access_key, keys.secret_key, keys.token), strict=True)
    return environment | {f"AWS_{name}": value for name, value in given if value}


def _sls(command: str, options: Sequence[str], environment: Mapping[str, str]) -> None:
    """Run osls, which prints to stderr.

    Raises:
        CommandError: it is not there, or failed.
    """
    print_status(f"sls {command}")
    if osls.run(command, options, environment):
        raise CommandError(f"sls {command} failed, as it says above; nothing was migrated")
