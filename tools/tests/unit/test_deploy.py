"""`ponto deploy`, except what the end-to-end test covers: confirmations, waits, and error messages."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import NoCredentialsError

from ponto.punch import EVENT
from tests.aws import NO_STACK, ROLE_EXISTS, Calls, invoke_stub, receive_all, stack
from tests.clock import FakeClock
from tests.commands import runner
from tests.events import aws
from tools.cli import main
from tools.kit import osls, target
from tools.kit.collaborators import Collaborators
from tools.kit.deploy_hook import DeferredResource, DeployHook, HookResult
from tools.kit.errors import CommandError
from tools.kit.event import new_event
from tools.operate.deploy import proof
from tools.tests.gateway import Response, answer_requests
from tools.tests.sls import FakeSls, write_sls

URL = "https://api.example.com/dev/ponto"
PUNCH = new_event("0f7c1a52-8a36-4a8e-9a62-6f0a4c2d3e11")
RESERVED = {"FunctionName": "batida-ponto-prod-batidaPonto", "ReservedConcurrentExecutions": 5}
OUTPUTS = {
    "QueueUrl": "https://queue",
    "DeadLetterQueueUrl": "https://other",
    "ApiId": "abc",
    "Database": "create",
}


class Prod:
    """The protected stage `prod` in moto, before its first deploy; `sls` is a fake that deploys nothing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.calls = Calls(monkeypatch)
        self.stubs = self.calls.stubs
        self.stubs |= {"DescribeStacks": NO_STACK, "DescribeStackResource": NO_STACK}
        self.stubs["CreateServiceLinkedRole"] = ROLE_EXISTS
        self.stubs["GetAccountPlanState"] = {"accountPlanType": "PAID"}
        self.sls = FakeSls()
        self.sls.is_protected = True
        self.invocations = self.sls.invocations
        self.hooks: list[DeployHook] = []
        self.migrated: list[str] = []
        collaborators = Collaborators(run_sls=self.sls, deploy_hooks=lambda: self.hooks)
        self.run = runner(capsys, "deploy", "--stage", "prod", collaborators=collaborators)

    def add_deployed_stage(self) -> None:
        """Add the deployed stage, in which the smoke test succeeds."""
        self.stubs |= {
            "DescribeStacks": lambda *_: stack(**OUTPUTS, ApiUrl=URL, ApiKeyId="k"),
            "GetFunctionConfiguration": {},
            "GetTemplate": {"TemplateBody": {"Resources": {}}},
            "GetApiKey": {"value": "the key"},
            "Invoke": self._invoke,
        }

    def _invoke(self, _: object, parameters: Mapping[str, str]) -> Any:
        is_search = json.loads(parameters["Payload"])["action"] == "find"
        return invoke_stub({"found": True} if is_search else {"applied": self.migrated, "notices": []})()


BEFORE = stack(**OUTPUTS)


@pytest.fixture
def account() -> Iterator[None]:
    with aws():
        yield


@pytest.fixture
def prod(account: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Prod:
    del account
    return Prod(monkeypatch, capsys)


def test_account_and_region_are_printed_first(prod: Prod) -> None:
    first, second, *_ = prod.run("--region", "sa-east-1").err.splitlines()
    assert first.startswith("stage prod: account 123456789012, region sa-east-1, as arn:")
    assert second == "sls package"


def test_deploy_says_that_alarms_of_a_protected_stage_notify_nobody(prod: Prod) -> None:
    prod.sls.add("AlarmTopic", "AWS::SNS::Topic")
    note = "no one is notified of its alarms"
    assert note in prod.run().err
    assert note in prod.run("--preview").out
    prod.sls.add("AlarmEmail", "AWS::SNS::Subscription")
    assert note not in prod.run().err


def test_deploy_refuses_the_role_of_the_stack_unless_it_is_named(prod: Prod) -> None:
    prod.add_deployed_stage()
    role = "arn:aws:iam::123456789012:role/deploy/execution"
    stacks = stack(**OUTPUTS)
    stacks["Stacks"][0]["RoleARN"] = role
    prod.stubs["DescribeStacks"] = stacks

    unnamed = prod.run("--yes", "--force")
    prod.sls.deployment_role = role
    named = prod.run("--yes")

    assert (unnamed.status, prod.sls.commands) == (2, ["package", "package", "deploy"])
    assert f"Deploy with --param deploymentRole={role}" in unnamed.err
    assert f"CloudFormation changes the stack as {role}" in named.err


@pytest.mark.parametrize(
    ("options", "typed", "message"),
    [
        ([], None, "--yes"),
        ([], "dev\n", "ponto: not deployed"),
        (["--yes"], None, ""),
        ([], "prod\n", ""),
    ],
)
def test_protected_stage_is_deployed_after_yes_or_its_name(
    prod: Prod, options: list[str], typed: str | None, message: str
) -> None:
    result = prod.run(*options, typed=typed)
    assert prod.sls.commands == ["package"] if message else ["package", "deploy"]
    assert result.status == 2
    assert result.err.endswith(f"{message or 'check --stage, --region and --profile'}\n")  # the fake created no stack


def test_low_quota_stops_the_deploy_before_the_confirmation(prod: Prod) -> None:
    prod.sls.add("Drain", "AWS::Lambda::Function", **RESERVED)
    limit = {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10}
    prod.stubs["GetAccountSettings"] = {"AccountLimit": limit}

    result = prod.run()

    assert result.status == 2
    assert "ponto: the account may run 10 functions at once" in result.err
    assert "sls deploy" not in result.err
    forced = prod.run("--yes", "--force").err
    assert forced.index("Continuing because of --force.") < forced.index("sls deploy")


@pytest.mark.parametrize(
    ("protects", "has_gate", "database", "status", "first_update_parameters"),
    [
        (True, False, None, None, ["deletionProtection=false"]),
        (True, False, None, "DELETE_FAILED", ["deletionProtection=false"]),  # the cluster is outside the stack now
        (True, False, "create", "UPDATE_COMPLETE", []),
        (False, False, None, None, []),
        (True, True, None, None, ["deletionProtection=false", "gate=false"]),
        (False, True, None, None, ["gate=false"]),
        (None, True, None, None, ["gate=false"]),  # with an existing database
        (True, True, "existing", None, ["deletionProtection=false"]),  # deleting the gate would change its address
    ],
)
def test_second_update_protects_a_new_cluster_and_creates_what_aws_may_refuse(
    prod: Prod,
    protects: bool | None,
    has_gate: bool,
    database: str | None,
    status: str | None,
    first_update_parameters: list[str],
) -> None:
    if protects is not None:
        prod.sls.add_cluster(is_protected=protects)
    outputs = OUTPUTS | {"Database": database} if database else {}
    prod.stubs |= {"DescribeStacks": lambda *_: stack(**outputs), "GetTemplate": {"TemplateBody": {"Resources": {}}}}
    # A resource that AWS refuses to some accounts, as it refuses CloudFront to unverified ones.
    gate = DeferredResource("Gate", "gate=false", "AWS refuses gates to some accounts")
    prod.hooks = [DeployHook(lambda _: HookResult("gate", None), gate)]
    if has_gate:
        prod.sls.add("Gate", "AWS::Gate")
    if status:
        prod.stubs["DescribeStackResource"] = {"StackResourceDetail": {"ResourceStatus": status}}

    message = prod.run("--yes", "--param", "deletionProtection=true").err

    options = ["--param=deletionProtection=true"]
    # osls uses the last of two values of a parameter.
    first_options = options + [f"--param={parameter}" for parameter in first_update_parameters]
    first_update = [("package", "first", first_options), ("deploy", "first", first_options)]
    region = ["--stage", "prod", "--region", "us-east-1"]
    runs = []
    for command, words in prod.invocations:
        *before, package = words[: words.index("--package") + 2]
        assert before == [*region, *(["--force"] if command == "deploy" else []), "--package"]
        runs.append((command, Path(package).name, words[len(before) + 1 :]))
    assert runs == [
        ("package", "package", options),
        *(first_update if first_update_parameters else []),
        ("deploy", "package", options),
    ]
    assert ("AWS refuses gates to some accounts" in message) == ("gate=false" in first_update_parameters)


@pytest.mark.parametrize(
    ("name", "stack", "is_of_stage"),
    [
        ("batida-ponto-prod-databasecluster-a1b2c3", None, True),
        ("renamed", "batida-ponto-prod", True),
        ("batida-ponto-prod2-databasecluster-a1b2c3", "batida-ponto-prod2", False),
        ("ponto-restored", None, False),
    ],
)
def test_cluster_left_by_an_earlier_stack_stops_the_first_deploy(
    prod: Prod, name: str, stack: str | None, is_of_stage: bool
) -> None:
    tags = [{"Key": "aws:cloudformation:stack-name", "Value": stack}] if stack else []
    boto3.client("rds").create_db_cluster(
        DBClusterIdentifier=name,
        Engine="aurora-postgresql",
        MasterUsername="ponto",
        MasterUserPassword="x" * 8,
        Tags=tags,
    )
    prod.sls.add_cluster()
    result = prod.run("--yes", "--force")
    assert (f"the cluster {name} belongs to this stage, but not to its stack" in result.err) == is_of_stage
    assert ("sls deploy" in result.err) != is_of_stage
    assert result.status == 2


def test_the_local_stage_never_reaches_aws(prod: Prod) -> None:
    result = prod.run("--stage", "local")
    assert result.status == 2
    assert "stage local is for the emulator" in result.err
    assert prod.calls.history == []


@pytest.mark.parametrize(
    ("before", "after", "status"),
    [
        (BEFORE, BEFORE, 2),  # osls deployed nothing
        (BEFORE, stack("UPDATE_ROLLBACK_COMPLETE"), 2),
        (BEFORE, stack("UPDATE_COMPLETE", **OUTPUTS), 1),
        (NO_STACK, BEFORE, 1),
    ],
)
def test_nothing_is_migrated_unless_sls_reached_a_new_state(prod: Prod, before: Any, after: Any, status: int) -> None:
    prod.stubs["GetTemplate"] = {"TemplateBody": {"Resources": {}}}
    prod.stubs |= {"DescribeStacks": before, "Invoke": invoke_stub({"errorMessage": "no right"}, failed=True)}
    prod.sls.while_running = lambda: prod.stubs.update(DescribeStacks=after)

    result = prod.run("--yes")

    assert result.status == status
    assert ("was not updated: it is " in result.err) == (status == 2)
    assert ("Invoke" in prod.calls.operations) == (status == 1)


@pytest.mark.usefixtures("account")
def test_failed_sls_stops_the_deploy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    write_sls(tmp_path, 'echo "profile=$AWS_DEV_PROFILE path=$PATH"; exit 1')
    monkeypatch.setenv("AWS_DEV_PROFILE", "another")
    collaborators = Collaborators(run_sls=partial(osls.run, project=tmp_path))
    assert main(["deploy", "--stage", "dev"], collaborators) == 2
    captured = capfd.readouterr()
    assert "profile= path=" in captured.err
    assert "node_modules" in captured.err.partition("path=")[2]
    assert "ponto: sls package failed, see its output above; nothing was migrated" in captured.err
    assert captured.out == ""


@pytest.fixture
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Configure two profiles of different accounts, and remove all other AWS variables."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    file = tmp_path / "credentials"
    file.write_text(
        "".join(
            f"[{name}]\naws_access_key_id = {name}-id\naws_secret_access_key = {name}-key\n" for name in ("one", "two")
        )
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def credentials(environment: Mapping[str, str]) -> dict[str, str]:
    endings = ("PROFILE", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")
    return {name: value for name, value in environment.items() if name.startswith("AWS_") and name.endswith(endings)}


ENVIRONMENT_KEYS = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key"}
STAGE_VARIABLES = {"AWS_DEV_PROFILE": "two", "AWS_DEV_ACCESS_KEY_ID": "x", "AWS_DEV_SECRET_ACCESS_KEY": "x"}
PROFILE_ONE_KEYS = {"AWS_ACCESS_KEY_ID": "one-id", "AWS_SECRET_ACCESS_KEY": "one-key"}


@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize(
    ("variables", "profile", "expected"),
    [
        (ENVIRONMENT_KEYS | {"AWS_PROFILE": "two"}, None, ENVIRONMENT_KEYS),
        (
            ENVIRONMENT_KEYS | {"AWS_SESSION_TOKEN": "token"} | STAGE_VARIABLES,
            None,
            ENVIRONMENT_KEYS | {"AWS_SESSION_TOKEN": "token"},
        ),
        (ENVIRONMENT_KEYS | {"AWS_SESSION_TOKEN": "token"}, "one", PROFILE_ONE_KEYS),
        (STAGE_VARIABLES | {"AWS_PROFILE": "one"}, None, PROFILE_ONE_KEYS),
        (
            STAGE_VARIABLES | {"AWS_DEV_SESSION_TOKEN": "x", "AWS_DEFAULT_PROFILE": "one", "AWS_PROFILE": "two"},
            None,
            PROFILE_ONE_KEYS,
        ),
    ],
    ids=["key and profile", "key, token and the stage's", "key and --profile", "profile and the stage's", "default"],
)
def test_sls_gets_only_the_credentials_of_the_announced_account(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], profile: str | None, expected: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    session = boto3.Session(profile_name=profile, region_name="us-east-1")
    announced = session.get_credentials()
    assert announced
    assert announced.access_key == expected["AWS_ACCESS_KEY_ID"]

    assert credentials(osls.create_environment(session, "dev")) == expected


ROLE = "role_arn = arn:aws:iam::123456789012:role/r"


@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ("credential_process = {keys}", {"AWS_PROFILE": "ponto"}),
        (f"{ROLE}\nsource_profile = one", {"AWS_PROFILE": "ponto"}),
        ("aws_access_key_id = x\naws_secret_access_key = x\ncredential_process = {keys}", {"AWS_ACCESS_KEY_ID": "id"}),
    ],
    ids=["process", "role", "keys and process"],
)
def test_sls_gets_the_profile_unless_it_would_choose_other_keys(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, profile: str, expected: dict[str, str]
) -> None:
    keys = {"Version": 1, "AccessKeyId": "id", "SecretAccessKey": "key", "Expiration": "2099-01-01T00:00:00Z"}
    (tmp_path / "keys.json").write_text(json.dumps(keys))
    (tmp_path / "config").write_text(f"[profile ponto]\n{profile.format(keys=f'cat {tmp_path}/keys.json')}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "ponto")

    passed = credentials(osls.create_environment(boto3.Session(), "dev"))

    assert passed.items() >= expected.items()
    assert ("AWS_PROFILE" in passed) != ("AWS_ACCESS_KEY_ID" in passed)


@pytest.mark.usefixtures("profiles")
def test_without_credentials_nothing_is_deployed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deploy", "--stage", "dev"]) == 2
    assert capsys.readouterr().err == "ponto: there are no AWS credentials; set AWS_PROFILE or --profile\n"
    with pytest.raises(NoCredentialsError):
        osls.create_environment(boto3.Session(), "dev")


class Gateway:
    """A fake API that returns `answers` in order, and then repeats the last one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: list[tuple[int, str]] = []  # status and body; status 0: no response, with the reason
        self.punches: list[Any] = []  # punches of the requests; None: a GET
        answer_requests(monkeypatch, self._answer)

    def _answer(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Response:
        assert (method, url, headers["x-api-key"]) == ("POST" if body else "GET", URL, "the key")
        self.punches.append(body and json.loads(body))
        status, text = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return (status, text, {}) if status else OSError(text)


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Gateway:
    return Gateway(monkeypatch)


FORBIDDEN = (403, '{"message":"Forbidden"}')


def test_punch_is_sent_again_until_a_new_stage_accepts_its_key(gateway: Gateway) -> None:
    gateway.answers = [(0, "no such host"), FORBIDDEN, (500, "{}"), (202, '{"message":"accepted","messageId":"1"}')]
    assert proof.request_until(URL, "the key", PUNCH, expected=202, clock=FakeClock())["messageId"] == "1"
    assert gateway.punches == [PUNCH] * 4


@pytest.mark.parametrize(
    ("answer", "is_retried"), [(FORBIDDEN, True), ((400, "no"), False), ((413, "no"), False), ((415, "no"), False)]
)
def test_permanent_refusal_is_not_retried_and_the_error_hides_the_key(
    gateway: Gateway, answer: tuple[int, str], is_retried: bool
) -> None:
    gateway.answers = [answer]
    with pytest.raises(CommandError, match=f"returned {answer[0]}, expected 202: {answer[1]}") as failure:
        proof.request_until(URL, "the key", PUNCH, expected=202, clock=FakeClock())
    assert failure.value.status == 1
    assert "the key" not in str(failure.value)
    assert len(gateway.punches) > 10 if is_retried else len(gateway.punches) == 1


OPERATOR = "arn:aws:iam::123456789012:role/batida-ponto-dev-OperatorRole-1"


def deployment(**outputs: str) -> target.Target:
    return target.from_outputs(boto3.Session(), "dev", OUTPUTS | {"ApiUrl": URL, "OperatorRoleArn": OPERATOR} | outputs)


def api_with_post(authorization_type: str) -> str:
    gateway = boto3.client("apigateway")
    api = gateway.create_rest_api(name="ponto")
    resource = gateway.create_resource(
        restApiId=api["id"], parentId=api["rootResourceId"], pathPart=EVENT.path.removeprefix("/")
    )
    gateway.put_method(
        restApiId=api["id"], resourceId=resource["id"], httpMethod="POST", authorizationType=authorization_type
    )
    return api["id"]


def test_with_sign_in_the_punch_is_queued_with_the_operators_role(prod: Prod, gateway: Gateway) -> None:
    sqs = boto3.client("sqs")
    queue = sqs.create_queue(QueueName="punches")["QueueUrl"]
    gateway.answers = [(404, "{}"), (401, '{"message":"Unauthorized"}')]
    deployed = deployment(QueueUrl=queue, ApiId=api_with_post("COGNITO_USER_POOLS"))
    calls = prod.calls
    calls.history.clear()

    message_id = proof.verify_sign_in(deployed, "the key", PUNCH, FakeClock())

    assert gateway.punches == [None, None]
    assert calls.operations == ["GetResources", "GetMethod", "AssumeRole", "SendMessage"]
    (assumed,), (sent,) = calls.by_operation("AssumeRole"), calls.by_operation("SendMessage")
    assert assumed.parameters == {"RoleArn": OPERATOR, "RoleSessionName": "ponto-proof"}
    assert sent.signer.startswith("ASIA")
    assert sent.signer != assumed.signer
    (message,) = receive_all(sqs, queue)
    assert (message["MessageId"], json.loads(message["Body"])) == (message_id, PUNCH)
    assert {name: value["StringValue"] for name, value in message["MessageAttributes"].items()} == {
        "usuarioId": str(EVENT.reserved_subject)
    }


@pytest.mark.usefixtures("account")
def test_list_of_punches_without_sign_in_fails_the_deploy(gateway: Gateway) -> None:
    gateway.answers = [(404, "{}")]
    with pytest.raises(CommandError, match=f"GET {URL} returned 404, expected 401") as failure:
        proof.verify_sign_in(deployment(), "the key", PUNCH, FakeClock())
    assert "it does not accept punches" not in str(failure.value)
    assert "it may accept punches without a token" in str(failure.value)


@pytest.mark.usefixtures("account")
def test_post_without_sign_in_fails_the_deploy(gateway: Gateway) -> None:
    gateway.answers = [(401, '{"message":"Unauthorized"}')]
    with pytest.raises(CommandError, match=r"POST /ponto .* requires no token .*authorizationType NONE") as failure:
        proof.verify_sign_in(deployment(ApiId=api_with_post("NONE")), "the key", PUNCH, FakeClock())
    assert failure.value.status == 1


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (invoke_stub({"found": False}), r"has no row after 0 s.\n.*ponto dlq list --stage dev"),
        (invoke_stub({"errorMessage": "no right\n"}, failed=True), r"no right\n.*sls logs --stage dev -f schema"),
    ],
    ids=["no row", "schema failed"],
)
def test_punch_that_is_not_stored_is_reported_with_commands_to_find_it(prod: Prod, answer: Any, message: str) -> None:
    prod.stubs["Invoke"] = answer
    with pytest.raises(CommandError, match=message) as failure:
        proof.wait_for_row(boto3.client("lambda"), "dev", "punch", "message", 0)
    assert failure.value.status == 1
    (invoked,) = prod.calls.history
    assert invoked.parameters == {
        "FunctionName": "batida-ponto-dev-schema",
        "Payload": '{"action": "find", "id": "punch"}',
    }


def test_result_lists_all_steps_and_those_of_slices_in_order(prod: Prod, monkeypatch: pytest.MonkeyPatch) -> None:
    prod.add_deployed_stage()
    answer_requests(monkeypatch, lambda *_: (202, '{"messageId":"message"}', {}))
    prod.hooks = [
        DeployHook(lambda deployed: HookResult("ownProven", True, f"proven     {deployed.stage}, {deployed.url}")),
        DeployHook(lambda deployed: HookResult("apiKeyId", deployed.outputs["ApiKeyId"])),
    ]

    result = prod.run("--yes", "--json").json
    assert "migrated   nothing to do\n" in prod.run("--yes").out
    prod.migrated = ["0001.sql", "0002.sql"]
    printed = prod.run("--yes", "--region", "sa-east-1").out.splitlines()

    assert [*result.items()][-2:] == [("ownProven", True), ("apiKeyId", "k")]
    assert result.items() >= {"stage": "prod", "isProtected": True, "applied": [], "keyId": "k"}.items()
    assert result["punch"].items() >= {"messageId": "message"}.items()
    show_key = "aws apigateway get-api-key --include-value --query value --output text --region"
    assert result["showKey"] == f"{show_key} us-east-1 --api-key k"
    assert re.fullmatch(r"proven     punch [0-9a-f-]{36} was stored \d+\.\d s after it was accepted", printed.pop(2))
    assert printed == [
        "deployed   prod, account 123456789012, region sa-east-1; the stack is protected from deletion",
        "migrated   0001.sql, 0002.sql",
        f"URL        {URL}",
        f"API key    {show_key} sa-east-1 --api-key k",
        f"proven     prod, {URL}",
    ]
