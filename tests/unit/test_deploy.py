"""`ponto deploy`, but for what the end-to-end test does: questions, patience, and what failures say."""

import io
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, cast

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, NoCredentialsError

from tests.commands import Result, write_sls
from tests.events import aws
from tests.gateway import Answer, answer_requests
from tools.cli import main
from tools.deploy import command as deploy
from tools.deploy import proof, quotas
from tools.kit import osls, target
from tools.kit.errors import CommandError
from tools.kit.output import print_status
from tools.kit.project import ROOT

URL = "https://api.example.com/dev/ponto"
PUNCH = {
    "id": "0f7c1a52-8a36-4a8e-9a62-6f0a4c2d3e11",
    "usuarioId": proof.RESERVED_EMPLOYEE,
    "ponto": "2026-10-01T08:00:00Z",
}


@pytest.fixture
def session() -> Iterator[boto3.Session]:
    with aws():
        yield boto3.Session()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def run(
    session: boto3.Session,  # noqa: ARG001  moto's
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., Result]:
    """Run the command on a protected stage, with an `sls` that makes nothing; `typed` is what somebody answers."""

    def no_stack(*_: object) -> NoReturn:
        raise CommandError("no stack")

    monkeypatch.setattr(deploy, "_sls", lambda command, *_: print_status(f"(sls {command})"))
    demand = quotas.Demand({}, makes_network=False)
    monkeypatch.setattr(deploy, "read", lambda _: deploy.Compiled(is_protected=True, needs_token=False, demand=demand))
    monkeypatch.setattr(deploy, "outputs_of", no_stack)

    def run(*words: str, typed: str | None = None) -> Result:
        monkeypatch.setattr("sys.stdin", io.StringIO() if typed is None else Terminal(typed))
        return Result(main(["deploy", *words]), *capsys.readouterr())

    return run


def test_says_account_and_region_before_anything_else(run: Callable[..., Result]) -> None:
    first, second, *_ = run("--stage", "prod", "--region", "sa-east-1").err.splitlines()
    assert first.startswith("stage prod: account 123456789012, region sa-east-1, as arn:")
    assert second == "(sls package)"


@pytest.mark.parametrize(
    ("typed", "reason"), [(None, "nobody is here to be asked: give --yes"), ("dev\n", "ponto: not deployed")]
)
def test_a_protected_stage_is_not_deployed_without_being_told_so(
    run: Callable[..., Result], typed: str | None, reason: str
) -> None:
    result = run("--stage", "prod", typed=typed)
    assert result.status == 2
    assert reason in result.err
    assert "(sls deploy)" not in result.err


@pytest.mark.parametrize(("words", "typed"), [(["--yes"], None), ([], "prod\n")])
def test_a_protected_stage_is_deployed_by_yes_or_by_its_name(
    run: Callable[..., Result], words: list[str], typed: str | None
) -> None:
    result = run("--stage", "prod", *words, typed=typed)
    assert "(sls deploy)" in result.err
    assert result.err.endswith("ponto: no stack\n")


def test_a_quota_that_is_too_low_is_said_before_anybody_is_asked_and_nothing_is_deployed(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(_: boto3.Session, stack: str, demand: quotas.Demand, *, force: bool) -> NoReturn:
        assert not force
        raise CommandError(f"{stack} lacks {demand}")

    monkeypatch.setattr(quotas, "require", short)
    result = run("--stage", "prod", "--yes")
    assert result.status == 2
    assert "ponto: batida-ponto-prod lacks Demand(" in result.err
    assert "(sls deploy)" not in result.err


MAKES_CLUSTER = deploy.Compiled(True, False, quotas.Demand({}, False), makes_cluster=True, protects_cluster=True)
FIRST = ["sls package", "sls package first", "sls deploy first", "sls deploy"]
PLAIN = ["sls package", "sls deploy"]


@pytest.mark.parametrize(
    ("protects", "status", "expected"),
    [
        (True, None, FIRST),
        (True, "DELETE_FAILED", FIRST),  # it is outside the stack now
        (True, "UPDATE_COMPLETE", PLAIN),
        (False, None, PLAIN),
    ],
)
def test_a_first_cluster_is_made_unprotected_and_protected_by_a_second_update_of_the_same_run(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, protects: bool, status: str | None, expected: list[str]
) -> None:
    ran = list[str]()

    def sls(command: str, options: Sequence[str], _: object) -> None:
        given = [option for option in options if option.startswith("--param=")]
        unprotected = given == ["--param=deletionProtection=true", "--param=deletionProtection=false"]
        assert unprotected or given == ["--param=deletionProtection=true"]
        assert options[options.index("--package") + 1].endswith("/first" if unprotected else "/package")
        ran.append(f"sls {command}{' first' if unprotected else ''}")

    monkeypatch.setattr(deploy, "_sls", sls)
    monkeypatch.setattr(deploy, "read", lambda _: MAKES_CLUSTER._replace(protects_cluster=protects))
    detail = {"StackResourceDetail": {"ResourceStatus": status}}
    ask = BaseClient._make_api_call  # type: ignore[attr-defined]
    if status:
        monkeypatch.setattr(
            BaseClient,
            "_make_api_call",
            lambda *call: detail if call[1] == "DescribeStackResource" else ask(*call),
        )

    run("--stage", "prod", "--yes", "--param", "deletionProtection=true")

    assert ran == expected


@pytest.mark.parametrize(
    ("name", "stack", "is_left"),
    [
        ("batida-ponto-prod-databasecluster-a1b2c3", None, True),
        ("renamed", "batida-ponto-prod", True),
        ("batida-ponto-prod2-databasecluster-a1b2c3", "batida-ponto-prod2", False),
        ("ponto-restored", None, False),
    ],
)
def test_a_cluster_that_an_earlier_stack_left_stops_the_first_deploy_by_name_though_quotas_are_forced(
    run: Callable[..., Result],
    session: boto3.Session,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    stack: str | None,
    is_left: bool,
) -> None:
    tags = [{"Key": "aws:cloudformation:stack-name", "Value": stack}] if stack else []
    session.client("rds").create_db_cluster(
        DBClusterIdentifier=name,
        Engine="aurora-postgresql",
        MasterUsername="ponto",
        MasterUserPassword="x" * 8,
        Tags=tags,
    )
    monkeypatch.setattr(deploy, "read", lambda _: MAKES_CLUSTER)
    result = run("--stage", "prod", "--yes", "--force")
    assert (f"the cluster {name} is of this stage, and outside its stack" in result.err) == is_left
    assert ("(sls deploy)" in result.err) != is_left
    assert result.status == (2 if is_left else 1)


def test_where_nobody_may_ask_whether_it_is_the_first_cluster_the_deploy_goes_on_and_says_what_that_leaves_open(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = BaseClient._make_api_call  # type: ignore[attr-defined]

    def refuse(client: Any, operation: str, parameters: Any) -> Any:
        if operation == "DescribeStackResource":
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, operation)
        return ask(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", refuse)
    monkeypatch.setattr(deploy, "read", lambda _: MAKES_CLUSTER)

    said = run("--stage", "prod", "--yes").err.splitlines()

    assert said[-4:] == [
        "not checked: whether the stack has its cluster, for AWS refused DescribeStackResource: AccessDenied: not you",
        "One that a deploy left outside the stack is not looked for, and a first one is protected from the start: "
        "of a deploy that fails it stays.",
        "(sls deploy)",
        "ponto: no stack",
    ]


def test_the_local_stage_never_reaches_aws(run: Callable[..., Result]) -> None:
    result = run("--stage", "local")
    assert result.status == 2
    assert "stage local is for the emulator" in result.err
    assert "(sls" not in result.err


def test_a_right_that_lacks_after_the_deploy_is_not_all_of_it(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "Invoke")

    monkeypatch.setattr(deploy, "outputs_of", lambda *_: {})
    monkeypatch.setattr(proof, "invoke_schema", refuse)
    result = run("--stage", "prod", "--yes")
    assert result.status == 1
    assert "AWS refused Invoke: AccessDenied: not you\n  The stage is deployed, but not proven." in result.err


@pytest.mark.usefixtures("session")
def test_an_sls_that_fails_ends_it_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    write_sls(tmp_path, 'echo "profile=$AWS_DEV_PROFILE path=$PATH"; exit 1')
    monkeypatch.setattr(osls, "ROOT", tmp_path)
    monkeypatch.setenv("AWS_DEV_PROFILE", "another")
    assert main(["deploy", "--stage", "dev"]) == 2
    captured = capfd.readouterr()
    assert "profile= path=" in captured.err
    assert "node_modules" in captured.err.partition("path=")[2]
    assert "ponto: sls package failed, as it says above; nothing was migrated" in captured.err
    assert captured.out == ""


@pytest.fixture
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two profiles of two accounts, and no AWS variable but these."""
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
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


def credentials(environment: Mapping[str, str]) -> dict[str, str]:
    words = ("PROFILE", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")
    return {name: value for name, value in environment.items() if name.startswith("AWS_") and name.endswith(words)}


KEY = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key"}
STAGES = {"AWS_DEV_PROFILE": "two", "AWS_DEV_ACCESS_KEY_ID": "x", "AWS_DEV_SECRET_ACCESS_KEY": "x"}
ONE = {"AWS_ACCESS_KEY_ID": "one-id", "AWS_SECRET_ACCESS_KEY": "one-key"}


@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize(
    ("given", "profile", "expected"),
    [
        (KEY | {"AWS_PROFILE": "two"}, None, KEY),
        (KEY | {"AWS_SESSION_TOKEN": "token"} | STAGES, None, KEY | {"AWS_SESSION_TOKEN": "token"}),
        (KEY | {"AWS_SESSION_TOKEN": "token"}, "one", ONE),
        (STAGES | {"AWS_PROFILE": "one"}, None, ONE),
        (STAGES | {"AWS_DEV_SESSION_TOKEN": "x", "AWS_DEFAULT_PROFILE": "one", "AWS_PROFILE": "two"}, None, ONE),
    ],
    ids=["key and profile", "key, token and the stage's", "key and --profile", "profile and the stage's", "default"],
)
def test_sls_works_with_the_keys_of_the_account_that_was_announced_and_has_no_others(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], profile: str | None, expected: dict[str, str]
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    session = boto3.Session(profile_name=profile, region_name="us-east-1")
    announced = session.get_credentials()
    assert announced
    assert announced.access_key == expected["AWS_ACCESS_KEY_ID"]

    assert credentials(osls.environment_of(session, "dev")) == expected


@pytest.mark.usefixtures("session")
def test_sls_keeps_the_rest_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    rest = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_CA_BUNDLE": "/ca.pem", "LOCAL_DB_HOST": "/run"}
    for name, value in rest.items():
        monkeypatch.setenv(name, value)
    for stage in ("endpoint", "ca"):  # AWS_ENDPOINT_..., which is no variable of the stage
        assert osls.environment_of(boto3.Session(), stage).items() >= rest.items()


@pytest.mark.usefixtures("profiles")
def test_without_credentials_nothing_is_deployed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deploy", "--stage", "dev"]) == 2
    assert capsys.readouterr().err == "ponto: no AWS credentials; set AWS_PROFILE, or give --profile\n"
    with pytest.raises(NoCredentialsError):
        osls.environment_of(boto3.Session(), "dev")


Answers = list[tuple[int, str]]


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answers], list[Any]]:
    """Let a gateway answer, the last answer again and again, and give the punches it gets; sleeping takes no time."""

    def gateway(answers: Answers) -> list[Any]:
        clock, punches = [0.0], list[Any]()

        def answer(method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
            assert (method, url, headers["x-api-key"]) == ("POST" if body else "GET", URL, "the key")
            punches.append(body and json.loads(body))
            status, text = answers.pop(0) if len(answers) > 1 else answers[0]
            return (status, text, {}) if status else OSError(text)

        answer_requests(monkeypatch, answer)
        monkeypatch.setattr(threading.Event, "wait", lambda _, seconds: clock.__setitem__(0, clock[0] + seconds))
        monkeypatch.setattr("time.monotonic", lambda: clock[0])
        return punches

    return gateway


ACCEPTED = (202, '{"message":"accepted","messageId":"1"}')


def test_a_new_stage_whose_key_is_not_known_yet_gets_the_same_punch_again(
    gateway: Callable[[Answers], list[Any]],
) -> None:
    punches = gateway([(0, "no such host"), (403, '{"message":"Forbidden"}'), (500, "{}"), ACCEPTED])
    assert proof.ask_until(URL, "the key", PUNCH, expected=202)["messageId"] == "1"
    assert punches == [PUNCH] * 4


def test_a_gateway_that_keeps_refusing_is_given_up_on_and_the_key_is_not_told(
    gateway: Callable[[Answers], list[Any]],
) -> None:
    punches = gateway([(403, '{"message":"Forbidden"}')])
    with pytest.raises(CommandError, match=r"was answered 403 instead of 202: .*Forbidden") as failure:
        proof.ask_until(URL, "the key", PUNCH, expected=202)
    assert failure.value.status == 1
    assert "the key" not in str(failure.value)
    assert len(punches) > 10


@pytest.mark.parametrize("status", [400, 413, 415])
def test_an_answer_that_no_patience_changes_is_told_at_once(
    gateway: Callable[[Answers], list[Any]], status: int
) -> None:
    punches = gateway([(status, "no")])
    with pytest.raises(CommandError, match=f"was answered {status}"):
        proof.ask_until(URL, "the key", PUNCH, expected=202)
    assert len(punches) == 1


OPERATOR = "arn:aws:iam::123456789012:role/batida-ponto-dev-OperatorRole-1"
OUTPUTS = {"PunchQueueUrl": "https://queue", "DeadLetterQueueUrl": "https://other", "OperatorRoleArn": OPERATOR}


def api_with_post(session: boto3.Session, authorization_type: str) -> str:
    gateway = session.client("apigateway")
    api = gateway.create_rest_api(name="ponto")
    made = gateway.create_resource(restApiId=api["id"], parentId=api["rootResourceId"], pathPart="ponto")
    gateway.put_method(
        restApiId=api["id"], resourceId=made["id"], httpMethod="POST", authorizationType=authorization_type
    )
    return api["id"]


def test_where_employees_sign_in_the_punch_goes_to_the_queue_as_the_gateway_would_send_it_by_the_operators_role(
    session: boto3.Session, gateway: Callable[[Answers], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    sqs = session.client("sqs")
    queue = sqs.create_queue(QueueName="punches")["QueueUrl"]
    tries = gateway([(404, "{}"), (401, '{"message":"Unauthorized"}')])
    api = api_with_post(session, "COGNITO_USER_POOLS")
    asked = list[tuple[str, str, Any]]()
    ask = BaseClient._make_api_call  # type: ignore[attr-defined]

    def noted(client: Any, operation: str, parameters: Any) -> Any:
        asked.append((operation, client._request_signer._credentials.access_key, parameters))
        return ask(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", noted)
    place = target.of_stack(session, "dev", OUTPUTS | {"PunchQueueUrl": queue, "ApiId": api})

    message_id = proof.refuse_and_queue(place, URL, "the key", PUNCH)

    assert tries == [None, None]
    *read, (assumed, own, role), (sent, taken_on, _) = asked
    assert [operation for operation, *_ in read] == ["GetResources", "GetMethod"]
    assert (assumed, sent) == ("AssumeRole", "SendMessage")
    assert role == {"RoleArn": OPERATOR, "RoleSessionName": "ponto-proof"}
    assert taken_on.startswith("ASIA")
    assert taken_on != own
    (message,) = sqs.receive_message(QueueUrl=queue, MessageAttributeNames=["All"])["Messages"]
    assert message["MessageId"] == message_id
    assert json.loads(message["Body"]) == PUNCH
    assert {name: value["StringValue"] for name, value in message["MessageAttributes"].items()} == {
        "usuarioId": "9007199254740991"
    }


def test_a_gateway_that_should_ask_for_a_token_and_does_not_is_a_failure(
    session: boto3.Session, gateway: Callable[[Answers], list[Any]]
) -> None:
    gateway([(404, "{}")])
    with pytest.raises(CommandError, match=f"GET {URL} was answered 404 instead of 401") as failure:
        proof.refuse_and_queue(target.of_stack(session, "dev", OUTPUTS), URL, "the key", PUNCH)
    assert "nobody can punch" not in str(failure.value)
    assert "not proven that it asks for a token" in str(failure.value)


def test_a_punch_that_wants_no_token_is_a_failure_though_the_list_of_punches_wants_one(
    session: boto3.Session, gateway: Callable[[Answers], list[Any]]
) -> None:
    gateway([(401, '{"message":"Unauthorized"}')])
    place = target.of_stack(session, "dev", OUTPUTS | {"ApiId": api_with_post(session, "NONE")})
    with pytest.raises(CommandError, match=r"POST /ponto .* wants no token .*authorizationType NONE") as failure:
        proof.refuse_and_queue(place, URL, "the key", PUNCH)
    assert failure.value.status == 1


class PaperFunctions:
    """Lambda whose `schema` answers one thing, or fails."""

    def __init__(self, payload: object, *, failed: bool = False) -> None:
        self.payload, self.failed, self.calls = payload, failed, list[tuple[str, Any]]()

    def invoke(self, FunctionName: str, Payload: str) -> dict[str, Any]:  # noqa: N803  boto3's
        self.calls.append((FunctionName, json.loads(Payload)))
        answer = {"Payload": io.BytesIO(json.dumps(self.payload).encode())}
        return answer | ({"FunctionError": "Unhandled"} if self.failed else {})


def test_an_accepted_punch_that_becomes_no_row_is_told_with_where_to_look() -> None:
    functions = PaperFunctions({"found": False})
    with pytest.raises(CommandError, match=r"is no row after 0 s.\n.*ponto dlq list --stage dev") as failure:
        proof.await_row(cast(Any, functions), "dev", PUNCH["id"], "message", 0)  # type: ignore[arg-type]
    assert failure.value.status == 1
    assert functions.calls == [("batida-ponto-dev-schema", {"find": PUNCH["id"]})]


def test_what_the_function_schema_failed_of_is_told() -> None:
    functions = PaperFunctions({"errorMessage": "0006_roles.sql: permission denied\n"}, failed=True)
    with pytest.raises(
        CommandError, match=r"0006_roles.sql: permission denied\n.*sls logs --stage dev -f schema"
    ) as error:
        proof.await_row(cast(Any, functions), "dev", "id", "message", 0)
    assert error.value.status == 1


def test_tells_people_what_was_done_where_and_how_to_see_the_key() -> None:
    done = deploy.Done(
        "prod",
        "123456789012",
        "sa-east-1",
        True,
        ["0001.sql", "0002.sql"],
        [],
        proof.Proof("id", "message", 1.26),
        URL,
        "k",
    )
    assert done.for_people() == [
        "deployed   prod, account 123456789012, region sa-east-1; the stack is protected from deletion",
        "migrated   0001.sql, 0002.sql",
        "proven     punch id is a row, 1.3 s after it was accepted",
        f"URL        {URL}",
        "API key    aws apigateway get-api-key --include-value --query value --output text "
        "--region sa-east-1 --api-key k",
    ]
    assert done._replace(applied=[]).for_people()[1].endswith("nothing to do")
    with_page = done._replace(page_url="https://d1.example.com/")
    assert with_page.for_people()[-1] == "page       https://d1.example.com/"
    assert (with_page.for_machines()["pageUrl"], done.for_machines()["pageUrl"]) == ("https://d1.example.com/", None)


def test_the_reserved_employee_is_the_largest_number_that_the_contract_knows() -> None:
    schema = json.loads((ROOT / "ponto" / "punch.schema.json").read_text(encoding="utf-8"))
    assert schema["properties"]["usuarioId"]["maximum"] == proof.RESERVED_EMPLOYEE
