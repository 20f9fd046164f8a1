"""`ponto deploy` to a new emulator with a new database, as to an empty account."""

import shutil
import tempfile
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ponto import enabled_slices
from ponto.punch import EVENT
from tests.commands import CommandResult, run_process
from tests.database import execute, migrations
from tools.kit import osls
from tools.kit.packaging import copy_project
from tools.local import emulator, postgres
from tools.local.stack import quick_package
from tools.tests import deploy_roles
from tools.tests.recorded_calls import RecordedCalls, forward

ROLES = deploy_roles.load("local")


class Account(NamedTuple):
    project: Path
    aws: emulator.Emulator
    database: postgres.Postgres
    calls: RecordedCalls
    endpoint: str  # where they are recorded

    def deploy(self, *words: str) -> CommandResult:
        return self._run("deploy", *words, f"--param=deploymentRole={ROLES.execution.arn}")

    def remove(self) -> CommandResult:
        return self._run("remove", "--yes")

    def _run(self, *words: str) -> CommandResult:
        environment = self.aws.environment() | {
            "AWS_ENDPOINT_URL": self.endpoint,
            "LOCAL_DB_HOST": self.database.host,
            "LOCAL_PIP_CACHE": str(self.project.parent / "pip"),  # shared by the deploys of this test
            "SLS_AWS_MONITORING_FREQUENCY": "250",
            "NODE_OPTIONS": quick_package(),
        }
        return run_process(*words, "--stage", "local", cwd=self.project, env=environment)

    def rows(self) -> list[tuple[Any, ...]]:
        return execute(self.database.url, f"select id::text, {EVENT.subject} from ponto.batida")


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
                calls = RecordedCalls()
                with calls.endpoint(forward(aws.url)) as endpoint:
                    yield Account(project, aws, database, calls, endpoint)
            finally:
                aws.stop()
        finally:
            database.stop()
    finally:
        shutil.rmtree(state)


def call_slices(function: str, *arguments: Any) -> list[Any]:
    """Call a function of each slice's module `tests.e2e.deploying` that defines it; return the results."""
    names = [f"slices.{name}.tests.e2e.deploying" for name in enabled_slices.names()]
    modules = [import_module(name) for name in names if find_spec(name)]
    return [getattr(module, function)(*arguments) for module in modules if hasattr(module, function)]


@pytest.mark.slow
def test_deploy_migrates_and_proves_a_stage_and_remove_deletes_it(account: Account) -> None:
    new = account.deploy("--preview", "--json")
    assert new.status == 0, new.out + new.err
    assert new.json["isNew"]
    assert {change["action"] for change in new.json["changes"]} == {"Add"}
    assert {"Queue", "SchemaLambdaFunction"} <= {change["logicalId"] for change in new.json["changes"]}
    assert account.aws.client("cloudformation").describe_stacks()["Stacks"] == []

    # The deploy succeeds, but the migrations fail, because another project's schema has the name.
    execute(account.database.url, "create schema ponto; create table ponto.batida ()")
    failed = account.deploy()
    assert failed.status == 1, failed.err
    assert failed.out == ""
    assert "stage local: account 000000000000, region us-east-1" in failed.err.splitlines()[0]
    assert "ponto: the function schema failed: " in failed.err
    assert "deploy again" in failed.err
    execute(account.database.url, "drop schema ponto cascade")

    # The emulator's CloudFormation also accepts resources that only stages in the cloud have.
    cloud = [f"--param={parameter}" for parameter in ("whenDeleted=Retain", "alarmEmail=oncall@example.com")]
    cloud += [f"--param={parameter}" for parameter in call_slices("parameter")]
    first_deploy_only = [f"--param={parameter}" for parameter in call_slices("parameter_of_first_deploy", account.aws)]
    first = account.deploy("--json", *cloud, *first_deploy_only)
    assert first.status == 0, first.err
    assert first.json["applied"] == migrations()
    assert account.rows() == [(first.json["punch"]["id"], EVENT.reserved_subject)]
    key = account.aws.client("apigateway").get_api_key(apiKey=first.json["keyId"], includeValue=True)["value"]
    assert key not in first.out + first.err
    assert first.json["showKey"].startswith("aws apigateway get-api-key")

    call_slices("check", account.aws, first.json)
    s3 = account.aws.client("s3")
    buckets = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    outputs = osls.stack_outputs(account.aws.client("cloudformation"), "local")
    buckets.remove(outputs["ServerlessDeploymentBucketName"])  # osls empties it itself

    # Parameters of the first deploy only are not repeated.
    second = account.deploy("--json", *cloud)
    assert second.status == 0, second.err
    assert second.json["applied"] == []
    assert {row[0] for row in account.rows()} == {first.json["punch"]["id"], second.json["punch"]["id"]}
    call_slices("check_second_deploy", account.aws, second.json)

    unchanged = account.deploy("--preview", "--json", *cloud)
    assert unchanged.status == 0, unchanged.out + unchanged.err
    assert unchanged.json["changes"] == []
    changed = account.deploy("--preview", *cloud, "--param=functionMemory=512", "--param=alarms=essential")
    assert changed.status == 0, changed.out + changed.err
    assert "modify     BatidaPontoLambdaFunction (AWS::Lambda::Function): MemorySize\n" in changed.out
    assert f"{osls.stack_name('local')} would be updated; nothing was deployed" in changed.out
    change_sets = account.aws.client("cloudformation").list_change_sets(StackName=osls.stack_name("local"))
    assert [entry["ChangeSetName"] for entry in change_sets["Summaries"] if "preview" in entry["ChangeSetName"]] == []

    assert account.calls.refused(ROLES.deploy) == []
    removed = account.remove()
    assert removed.status == 0, removed.err
    assert {f"emptying {bucket}" for bucket in buckets} <= set(removed.err.splitlines())
    assert s3.list_buckets()["Buckets"] == []
    remaining_queues = account.aws.client("sqs").list_queues()["QueueUrls"]
    assert set(remaining_queues) == {outputs["QueueUrl"], outputs["DeadLetterQueueUrl"]}  # whenDeleted: Retain
