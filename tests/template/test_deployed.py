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

NO_FUNCTION = 'Function "none" doesn\'t exist in this Service'  # error of osls after it has resolved all variables


class Account:
    """The emulator's account, with a fake RDS that has at most one cluster."""

    def __init__(self, aws: Emulator, osls_process: OslsProcess, project: Path) -> None:
        self.aws, self._osls_process, self._project = aws, osls_process, project
        self.cluster: dict[str, str] | None = None
        self.rds_url = ""

    def answer(self, request: Request) -> Response:
        """Respond to DescribeDBClusters, the only expected request."""
        query = request.body.decode().split("&")
        assert {"Action=DescribeDBClusters", "DBClusterIdentifier=batida-ponto-local"} <= {*query}
        if self.cluster is None:
            error = "<Code>DBClusterNotFoundFault</Code><Message>DBCluster not found.</Message>"
            return 404, {}, f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error></ErrorResponse>".encode()
        members = "".join(f"<{name}>{value}</{name}>" for name, value in self.cluster.items())
        result = f"<DescribeDBClustersResult><DBClusters><DBCluster>{members}</DBCluster></DBClusters>"
        return 200, {}, f"<Response>{result}</DescribeDBClustersResult></Response>".encode()

    def sls(
        self, *arguments: str, parameters: tuple[str, ...] = (), stage: str = "local", **variables: str
    ) -> tuple[int, str]:
        """Run osls; return its exit status and output."""
        options = [*arguments, "--stage", stage, *(f"--param={parameter}" for parameter in parameters)]
        environment = NO_AWS | self.aws.environment() | {"AWS_ENDPOINT_URL_RDS": self.rds_url} | variables
        return self._osls_process.capture(self._project, options, environment)

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


@pytest.mark.parametrize(
    ("cluster", "message"),
    [
        (None, '\nmake deploy STAGE=local ARGS="--param database=express"\n'),
        ({"Status": "creating"}, "the cluster batida-ponto-local is creating; deploy again afterwards"),
        ({"Status": "available", "IAMDatabaseAuthenticationEnabled": "false"}, "is not an express cluster"),
    ],
)
def test_express_cluster_that_does_not_exist_or_cannot_be_used_stops_the_deploy(
    account: Account, cluster: dict[str, str] | None, message: str
) -> None:
    account.cluster = cluster
    assert message in str(account.stop_message("database=express"))


def create_stack(account: Account, stage: str, outputs: dict[str, str]) -> None:
    template = {
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    account.aws.client("cloudformation").create_stack(StackName=stack_name(stage), TemplateBody=json.dumps(template))


def test_preview_stops_at_a_change_of_the_database(account: Account, tmp_path: Path) -> None:
    create_stack(account, "moved", deployed("create", "iam"))
    package = ("package", "--package", str(tmp_path))
    status, printed = account.sls(*package, parameters=EXISTING, stage="moved", PONTO_PREVIEW="true")
    assert status
    assert "Set database to 'create'" in printed


EXISTING = ("database=existing",)
QUEUE_ONLY = {"QueueUrl": "https://sqs.example.com"}


def deployed(database: str, login: str) -> dict[str, str]:
    """Return the outputs of a stack with this database and login."""
    return QUEUE_ONLY | {"Database": database, "DatabaseLogin": login}


@pytest.mark.parametrize(
    ("outputs", "parameters", "message"),
    [
        (deployed("create", "iam"), (), None),
        (deployed("create", "iam"), ("dbLogin=secret",), "was created for 'iam', which cannot change"),
        (deployed("create", "secret"), EXISTING, "Set database to 'create'"),
        (deployed("create", "secret"), (*EXISTING, "leaveDatabase=true"), None),
        (deployed("existing", "secret"), (), "Set database to 'existing'"),
        # Possible, because the function schema grants rds_iam.
        (deployed("existing", "secret"), (*EXISTING, "dbLogin=iam", "dbResourceId=cluster-ABC"), None),
        (QUEUE_ONLY, (), "was deployed by a version before 1.0, and cannot be updated"),
        ({"PunchQueueUrl": "https://sqs.example.com"}, (), "was deployed by a version before 1.0"),  # 1.0.0-rc.1
        ({"ServerlessDeploymentBucketName": "a"}, (), None),  # what a failed first deploy leaves
        (None, (), None),  # no stack exists
    ],
)
def test_change_of_database_or_login_stops_the_deploy_if_it_is_impossible(
    account: Account, outputs: dict[str, str] | None, parameters: tuple[str, ...], message: str | None
) -> None:
    stage = f"s{uuid4().hex[:8]}"
    if outputs is not None:
        create_stack(account, stage, outputs)

    stop_message = account.stop_message(*parameters, stage=stage)

    assert message in stop_message if message and stop_message else stop_message is message
