"""Checks that a deploy makes in AWS: it looks up the express cluster and the database of the existing stack."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.serving import Request, Response, http_server
from tests.template.compiled import OslsProcess, copy_without_requirements
from tools.kit.osls import stack_name
from tools.kit.packaging import NO_AWS
from tools.local.emulator import Emulator

EXPRESS_CLUSTER = {
    "DBClusterIdentifier": "batida-ponto-local",
    "Status": "available",
    "Endpoint": "batida-ponto-local.cluster-abcdefghijkl.us-east-1.rds.amazonaws.com",
    "Port": "5432",
    "DbClusterResourceId": "cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "BackupRetentionPeriod": "3",
    "IAMDatabaseAuthenticationEnabled": "true",
}
EXPRESS = "database=express"
NO_FUNCTION = 'Function "none" doesn\'t exist in this Service'  # error of osls after it has resolved all variables


class Account:
    """The emulator's account, with a fake RDS that has at most one cluster."""

    def __init__(self, aws: Emulator, osls_process: OslsProcess, project: Path) -> None:
        self.aws, self._osls_process, self._project = aws, osls_process, project
        self.cluster: dict[str, str] = {}
        self.rds_requests: list[str] = []
        self.rds_url = ""

    def answer(self, request: Request) -> Response:
        """Respond to DescribeDBClusters, the only expected request."""
        query = request.body.decode()
        self.rds_requests.append(query)
        assert "Action=DescribeDBClusters&" in query
        if f"DBClusterIdentifier={self.cluster.get('DBClusterIdentifier')}" not in query.split("&"):
            error = "<Code>DBClusterNotFoundFault</Code><Message>DBCluster not found.</Message>"
            return 404, {}, f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error></ErrorResponse>".encode()
        members = "".join(f"<{name}>{value}</{name}>" for name, value in self.cluster.items())
        clusters = f"<DBClusters><DBCluster>{members}</DBCluster></DBClusters>"
        result = f"<DescribeDBClustersResult>{clusters}</DescribeDBClustersResult>"
        return 200, {}, f"<DescribeDBClustersResponse>{result}</DescribeDBClustersResponse>".encode()

    def sls(
        self, *arguments: str, parameters: tuple[str, ...] = (), stage: str = "local", **variables: str
    ) -> tuple[int, str]:
        """Run osls; return its exit status and output."""
        options = [*arguments, "--stage", stage, *(f"--param={parameter}" for parameter in parameters)]
        environment = NO_AWS | self.aws.environment() | {"AWS_ENDPOINT_URL_RDS": self.rds_url} | variables
        return self._osls_process.output(self._project, options, environment)

    def stop_message(self, *parameters: str, stage: str = "local") -> str | None:
        """Return the message that stops a deploy with these parameters before it changes anything, or None."""
        status, printed = self.sls("deploy", "function", "--function", "none", parameters=parameters, stage=stage)
        assert status
        assert not re.search(r"\.js:\d", printed)  # no stack trace around the message
        return None if NO_FUNCTION in printed else printed


@pytest.fixture(scope="module")
def account(aws: Emulator, tmp_path_factory: pytest.TempPathFactory, osls_process: OslsProcess) -> Iterator[Account]:
    project = copy_without_requirements(tmp_path_factory.mktemp("deployed"), with_slices=False)
    account = Account(aws, osls_process, project)
    with http_server(account.answer) as account.rds_url:
        yield account


@pytest.fixture
def cluster(account: Account) -> Iterator[dict[str, str]]:
    """Create the express cluster of stage local in the account; yield its attributes."""
    account.cluster = dict(EXPRESS_CLUSTER)
    yield account.cluster
    account.cluster = {}


def test_deploy_without_its_express_cluster_prints_the_command_that_creates_it(account: Account) -> None:
    stop_message = account.stop_message(EXPRESS)
    assert stop_message
    assert "database: express needs the cluster batida-ponto-local, which does not exist in us-east-1." in stop_message
    assert '\nmake deploy STAGE=local ARGS="--param database=express"\n' in stop_message


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"Status": "creating"}, "database: the cluster batida-ponto-local is creating; deploy again afterwards"),
        ({"Status": "deleting"}, "database: the cluster batida-ponto-local is deleting; deploy again afterwards"),
        (
            {"IAMDatabaseAuthenticationEnabled": "false"},
            "does not accept a login by IAM, so it is not an express cluster",
        ),
    ],
)
def test_a_cluster_that_cannot_be_used_stops_the_deploy(
    account: Account, cluster: dict[str, str], changed: dict[str, str], message: str
) -> None:
    cluster |= changed
    assert message in str(account.stop_message(EXPRESS))


def test_preview_stops_at_a_change_of_the_database(account: Account, tmp_path: Path) -> None:
    outputs = {"PunchQueueUrl": {"Value": "https://q"}, "Database": {"Value": "create"}}
    template = {"Resources": {"PunchQueue": {"Type": "AWS::SQS::Queue"}}, "Outputs": outputs}
    account.aws.client("cloudformation").create_stack(StackName=stack_name("moved"), TemplateBody=json.dumps(template))
    package = ("package", "--package", str(tmp_path))
    status, printed = account.sls(*package, parameters=("database=existing",), stage="moved", PONTO_PREVIEW="true")
    assert status
    assert "Set database to 'create'" in printed


TOKENS = ("dbLogin=iam", "dbResourceId=cluster-ABC")
SECRET = ("dbLogin=secret",)
EXISTING = ("database=existing",)


@pytest.mark.parametrize(
    ("outputs", "parameters", "message"),
    [
        (("create", "iam"), (), None),
        (("create", "iam"), SECRET, "was created for 'iam'"),
        (("create", "secret"), SECRET, None),
        (
            ("create", "secret"),
            (),
            "was created for 'secret', which cannot change. Set dbLogin to 'secret'. For 'iam' deploy another stage",
        ),
        (("create", "secret"), EXISTING, "Set database to 'create'"),
        (("create", "secret"), (*EXISTING, "leaveDatabase=true"), None),
        (("existing", "secret"), EXISTING, None),
        (("existing", "secret"), (*EXISTING, *TOKENS), None),  # possible: the function schema grants rds_iam
        (("existing", "secret"), (), "Set database to 'existing'"),
        (("existing", "iam"), EXISTING, None),
        (("PunchQueueUrl",), (), "was deployed by a version before 1.0, and cannot be updated"),
        ((), (), None),  # after a failed first deploy, the stack has only the bucket of osls
        (None, (), None),  # no stack exists
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_change_of_database_or_login_stops_the_deploy_if_it_is_impossible(
    account: Account, outputs: tuple[str, ...] | None, parameters: tuple[str, ...], message: str | None
) -> None:
    stage = f"s{uuid4().hex[:8]}"
    if outputs is not None:
        values = dict(zip(("Database", "DatabaseLogin"), outputs, strict=True)) if len(outputs) == 2 else {}
        values |= {"PunchQueueUrl": "https://sqs.example.com"} if outputs else {}
        template = {
            "Resources": {"PunchQueue": {"Type": "AWS::SQS::Queue"}},
            "Outputs": {name: {"Value": value} for name, value in values.items()},
        }
        cloudformation = account.aws.client("cloudformation")
        cloudformation.create_stack(StackName=stack_name(stage), TemplateBody=json.dumps(template))

    stop_message = account.stop_message(*parameters, stage=stage)

    if message is None:
        assert stop_message is None
    else:
        assert message in str(stop_message)
