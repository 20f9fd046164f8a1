"""`ponto deploy` with an express cluster, with fakes of the API and the IAM login of RDS.

Functions outside a VPC log in with tokens over TLS. The deploy creates the database and proves the stage; `remove`
deletes everything.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from ponto.punch import EVENT
from tests.commands import CommandResult, run_process
from tests.database import ROLES, migrations
from tests.postgres import rds as rds_login
from tests.postgres.servers import Server
from tests.postgres.tls import Authority, TlsRelay
from tools.kit.packaging import copy_project
from tools.local import emulator
from tools.local.stack import quick_package
from tools.operate.deploy.proof import RESERVED_EMPLOYEE_ID
from tools.tests import rds_api

OWNER = "master"
DATABASE = "pontodb"
ACCOUNT = "000000000000"


class Account(NamedTuple):
    project: Path
    aws: emulator.Emulator
    api: rds_api.Rds
    login: rds_login.Rds
    relay: TlsRelay  # in front of the cluster
    environment: Mapping[str, str]

    def run(self, *words: str) -> CommandResult:
        return run_process(*words, "--stage", "local", cwd=self.project, env=self.environment)


@pytest.fixture
def account(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """Yield an empty account: an AWS emulator with a fake of RDS, and a PostgreSQL server for the cluster."""
    server.create_owner(OWNER)
    server.execute(f"create role rds_iam nologin; grant rds_iam to {OWNER} with admin option")
    state = Path(tempfile.mkdtemp(prefix="ponto-express-"))
    try:
        project = copy_project(state / "project", with_requirements=True)
        authority = Authority(project / "ponto" / "certificates", "test")
        login = rds_login.Rds(server)
        aws = emulator.start(emulator.find_free_port(), state / "aws", state / "emulator.log")
        monkeypatch.setattr(rds_login, "REGION", "us-east-1")
        certificate = authority.server(rds_login.HOST)
        certificate = certificate.rename(state / "server.pem")  # contains its key, which must not be packaged
        iam = aws.client("iam")
        iam.create_service_linked_role(AWSServiceName="rds.amazonaws.com")  # a new one is waited for, 10 s
        # The emulator spells the role's name otherwise than AWS does. This is the one that the deploy looks for.
        iam.create_role(RoleName="AWSServiceRoleForRDS", AssumeRolePolicyDocument="{}")
        try:
            with rds_api.serve_rds() as (api, url), login.running(certificate) as relay:
                # The emulator's functions share one access key, which begins with the account id.
                key = rds_login.Key("none", aws.key, frozenset({OWNER, *ROLES}))
                login.keys[ACCOUNT] = key
                api.polls_per_state = 0
                api.endpoint = (rds_login.HOST, relay.port)
                environment = aws.environment() | {
                    "AWS_ENDPOINT_URL_RDS": url,
                    "LOCAL_PIP_CACHE": str(state / "pip"),
                    "SLS_AWS_MONITORING_FREQUENCY": "250",
                    "NODE_OPTIONS": quick_package(),
                }
                yield Account(project, aws, api, login, relay, environment)
        finally:
            aws.stop()
    finally:
        shutil.rmtree(state)


def test_express_cluster_is_created_used_and_removed(account: Account, server: Server) -> None:
    settings = [
        f"dbUser={OWNER}",
        "dbSslRootCert=ponto/certificates/test.pem",
        "deletionProtection=false",
        "backupDays=3",
    ]
    params = [f"--param={setting}" for setting in ("database=express", *settings)]

    deployed = account.run("deploy", "--json", *params)

    assert deployed.status == 0, deployed.err
    assert deployed.err.index("creating the cluster") < deployed.err.index("sls deploy")
    assert deployed.json["applied"] == migrations()
    assert f"database created: {DATABASE}" in deployed.err
    rows = server.execute(f"select id::text, {EVENT.subject} from ponto.batida", DATABASE)
    assert rows == [(deployed.json["punch"]["id"], RESERVED_EMPLOYEE_ID)]
    assert account.login.refused == []
    assert {*account.relay.connections} == {"TLS"}

    account.api.operations.clear()
    removed = account.run("remove", "--yes")
    assert removed.status == 0, removed.err
    assert account.api.changes == ["DeleteDBInstance", "DeleteDBCluster", "DeleteDBClusterParameterGroup"]
    assert account.run("remove", "--yes").err.endswith(
        "check --stage, --region and --profile\n"
    )  # the stack no longer exists
