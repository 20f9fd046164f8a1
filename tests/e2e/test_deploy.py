"""`ponto deploy` to a new emulator with a new database, as to an empty account."""

import shutil
import tempfile
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ponto.punch import SUBJECT_COLUMN
from slices import enabled
from tests.commands import CommandResult, run_process
from tests.database import execute, migrations
from tools.deploy.proof import RESERVED_EMPLOYEE_ID
from tools.kit import osls
from tools.kit.packaging import copy_project
from tools.local import emulator, postgres
from tools.local.stack import quick_package


class Account(NamedTuple):
    project: Path
    aws: emulator.Emulator
    database: postgres.Postgres

    def deploy(self, *words: str, database_host: str = "") -> CommandResult:
        return self._run("deploy", *words, database_host=database_host)

    def remove(self) -> CommandResult:
        return self._run("remove", "--yes")

    def _run(self, *words: str, database_host: str = "") -> CommandResult:
        environment = self.aws.environment() | {
            "LOCAL_DB_HOST": database_host or self.database.host,
            "LOCAL_PIP_CACHE": str(self.project.parent / "pip"),  # shared by the deploys of this test
            "SLS_AWS_MONITORING_FREQUENCY": "250",
            "NODE_OPTIONS": quick_package(),
        }
        return run_process(*words, "--stage", "local", cwd=self.project, env=environment)

    def rows(self) -> list[tuple[Any, ...]]:
        return execute(self.database.url, f"select id::text, {SUBJECT_COLUMN} from ponto.batida")


@pytest.fixture
def account() -> Iterator[Account]:
    state = Path(tempfile.mkdtemp(prefix="ponto-deploy-"))
    try:
        project = copy_project(
            state / "project", with_requirements=True
        )  # a copy, because other tests may package the project
        database = postgres.start(state / "postgres")
        try:
            aws = emulator.start(emulator.find_free_port(), state / "aws", state / "emulator.log")
            try:
                yield Account(project, aws, database)
            finally:
                aws.stop()
        finally:
            database.stop()
    finally:
        shutil.rmtree(state)


def ask_slices(function: str, *arguments: Any) -> list[Any]:
    """Call a function of each slice's module `tests.e2e.deploying` that defines it; return the results."""
    names = [f"slices.{name}.tests.e2e.deploying" for name in enabled.names()]
    modules = [import_module(name) for name in names if find_spec(name)]
    return [getattr(module, function)(*arguments) for module in modules if hasattr(module, function)]


def test_deploy_migrates_and_proves_a_stage_and_remove_deletes_it(account: Account) -> None:
    # A stack whose first change set failed, here because it is empty. osls refuses to deploy to such a stack.
    stack = osls.stack_name("local")
    account.aws.client("cloudformation").create_change_set(
        StackName=stack, ChangeSetName=f"{stack}-change-set", ChangeSetType="CREATE", TemplateBody='{"Resources": {}}'
    )

    # The deploy succeeds, but the functions cannot connect to their database.
    broken = account.deploy(database_host="/nowhere")
    assert broken.status == 1, broken.err
    assert f"deleting the stack {stack}: it is REVIEW_IN_PROGRESS" in broken.err
    assert broken.out == ""
    assert "stage local: account 000000000000, region us-east-1" in broken.err.splitlines()[0]
    assert "ponto: the function schema failed: connection to server on socket" in broken.err
    assert "deploy again" in broken.err

    # The emulator's CloudFormation also accepts resources that only stages in the cloud have.
    cloud = [f"--param={parameter}" for parameter in ("whenDeleted=Retain", "alarmEmail=oncall@example.com")]
    cloud += [f"--param={parameter}" for parameter in ask_slices("parameter")]
    once = [f"--param={parameter}" for parameter in ask_slices("parameter_of_first_deploy", account.aws)]
    done = account.deploy("--json", *cloud, *once)
    assert done.status == 0, done.err
    assert done.json["applied"] == migrations()
    assert account.rows() == [(done.json["punch"]["id"], RESERVED_EMPLOYEE_ID)]
    key = account.aws.client("apigateway").get_api_key(apiKey=done.json["keyId"], includeValue=True)["value"]
    assert key not in done.out + done.err
    assert done.json["showKey"].startswith("aws apigateway get-api-key")

    ask_slices("check", account.aws, done.json)
    s3 = account.aws.client("s3")
    buckets = [found["Name"] for found in s3.list_buckets()["Buckets"] if "deploymentbucket" not in found["Name"]]

    # Parameters of the first deploy only are not repeated.
    again = account.deploy("--json", *cloud)
    assert again.status == 0, again.err
    assert again.json["applied"] == []
    assert {row[0] for row in account.rows()} == {done.json["punch"]["id"], again.json["punch"]["id"]}
    ask_slices("check_second_deploy", account.aws, again.json)

    removed = account.remove()
    assert removed.status == 0, removed.err
    assert {f"emptying {bucket}" for bucket in buckets} <= set(removed.err.splitlines())
    assert s3.list_buckets()["Buckets"] == []
    kept = account.aws.client("sqs").list_queues()["QueueUrls"]
    assert {url.rsplit("-", 2)[1] for url in kept} == {"PunchQueue", "DeadLetterQueue"}  # whenDeleted: Retain
