"""`ponto deploy` with an express cluster, with fakes of the API and of the IAM login of RDS."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.models import botocore_stubber
from moto.rds import models

from ponto.punch import EVENT
from tests.commands import Run, run_process
from tests.database import ROLES, migrations
from tests.postgres import rds as rds_login
from tests.postgres.servers import Server
from tests.postgres.tls import Authority, TlsRelay
from tests.serving import Request, Response
from tools.kit.packaging import copy_project
from tools.local import emulator
from tools.local.stack import quick_package
from tools.tests import deploy_roles
from tools.tests.rds_api import mock_rds
from tools.tests.recorded_calls import RecordedCalls, forward

OWNER = "master"


def answer_by_moto(request: Request) -> Response:
    url, headers = "https://rds.us-east-1.amazonaws.com/", HTTPHeaders.from_dict(request.headers)
    aws_request = AWSPreparedRequest("POST", url, headers, request.body, stream_output=False)
    response: Any = BotocoreStubber.process_request(botocore_stubber, aws_request)
    return response[0], {"content-type": "text/xml"}, response[2].encode()


@pytest.fixture
def account(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Run, TlsRelay, RecordedCalls]]:
    """Yield `ponto` for an empty account (an AWS emulator and moto's RDS), a relay to PostgreSQL as its cluster, and
    the calls to AWS.
    """
    server.create_owner(OWNER)
    server.execute(f"create role rds_iam nologin; grant rds_iam to {OWNER} with admin option")
    with tempfile.TemporaryDirectory(prefix="ponto-express-") as folder, ExitStack() as stack:
        state = Path(folder)
        project = copy_project(state / "project", with_requirements=True)
        certificate = Authority(project / "ponto" / "certificates", "test").server(rds_login.HOST)
        certificate = certificate.rename(state / "server.pem")  # contains its key, which must not be packaged
        aws = emulator.start(emulator.find_free_port(), state / "aws", state / "emulator.log")
        stack.callback(aws.stop)
        iam = aws.client("iam")
        iam.create_service_linked_role(AWSServiceName="rds.amazonaws.com")  # a new one is waited for, 10 s
        # The emulator spells the role's name otherwise than AWS does. This is the one that the deploy looks for.
        iam.create_role(RoleName="AWSServiceRoleForRDS", AssumeRolePolicyDocument="{}")
        monkeypatch.setattr(rds_login, "REGION", "us-east-1")
        login = rds_login.Rds(server)
        # The emulator's functions share one access key, which begins with the account id.
        login.keys["0" * 12] = rds_login.Key("none", aws.key, frozenset({OWNER, *ROLES}))
        relay = stack.enter_context(login.running(certificate))
        stack.enter_context(mock_rds())
        stack.enter_context(mock.patch.object(models.DBCluster, "endpoint", rds_login.HOST))
        stack.enter_context(mock.patch.object(models.DBCluster, "default_port", return_value=relay.port))
        calls = RecordedCalls()
        environment = aws.environment() | {
            "AWS_ENDPOINT_URL": stack.enter_context(calls.endpoint(forward(aws.url))),
            "AWS_ENDPOINT_URL_RDS": stack.enter_context(calls.endpoint(answer_by_moto)),
            "LOCAL_PIP_CACHE": str(state / "pip"),
            "SLS_AWS_MONITORING_FREQUENCY": "250",
            "NODE_OPTIONS": quick_package(),
        }
        run: Run = lambda *words: run_process(*words, "--stage", "local", cwd=project, env=environment)  # noqa: E731
        yield run, relay, calls


@pytest.mark.slow
def test_express_cluster_is_created_used_and_removed(
    account: tuple[Run, TlsRelay, RecordedCalls], server: Server
) -> None:
    run, relay, calls = account
    roles = deploy_roles.load("local")
    certificates = "dbSslRootCert=ponto/certificates/test.pem"
    settings = ["database=express", f"dbUser={OWNER}", certificates, "deletionProtection=false", "backupDays=3"]
    settings += [f"deploymentRole={roles.execution.arn}", f"permissionsBoundary={roles.boundary_arn}"]

    deployed = run("deploy", "--json", *[f"--param={setting}" for setting in settings])

    assert deployed.status == 0, deployed.err
    assert deployed.json["applied"] == migrations()
    rows = server.execute(f"select id::text, {EVENT.subject} from ponto.batida", "pontodb")
    assert rows == [(deployed.json["punch"]["id"], EVENT.reserved_subject)]
    assert {*relay.connections} == {"TLS"}
    assert calls.refused(roles.deploy) == []

    removed = run("remove", "--yes")
    assert removed.status == 0, removed.err
    assert run("remove", "--yes").status == 2  # nothing is left
