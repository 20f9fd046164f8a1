"""`ponto deploy` with an express cluster: RDS's API and its login by IAM are servers of this test, the rest is as ever.

Functions outside of a VPC sign in by tokens, over TLS; the database's name is made, the stage proven, and all removed.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from ponto.punch import SUBJECT_COLUMN
from tests import rds_api
from tests.commands import CommandResult, run_process
from tests.database import ROLES, migrations
from tests.postgres import rds as rds_login
from tests.postgres.servers import Server
from tests.postgres.tls import Authority, TlsRelay
from tools.deploy.proof import RESERVED_EMPLOYEE_ID
from tools.kit.packaging import copy_project
from tools.local import emulator
from tools.local.stack import quick_package

OWNER = "master"
DATABASE = "pontodb"
ACCOUNT = "000000000000"


class Account(NamedTuple):
    project: Path
    aws: emulator.Emulator
    api: rds_api.Rds
    login: rds_login.Rds
    front: TlsRelay  # of the cluster
    environment: Mapping[str, str]

    def run(self, *words: str) -> CommandResult:
        return run_process(*words, "--stage", "local", cwd=self.project, env=self.environment)


@pytest.fixture
def account(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """Give an account that has nothing but an emulator of AWS with an RDS, and a PostgreSQL that is the cluster's."""
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
        certificate = certificate.rename(state / "server.pem")  # with its key, which is not packaged
        try:
            with rds_api.serve_rds() as (api, url), login.running(certificate) as front:
                # The emulator's functions have one key, which begins with the account's number.
                key = rds_login.Key("none", aws.key, frozenset({OWNER, *ROLES}))
                login.keys[ACCOUNT] = key
                api.polls_per_state = 0
                api.endpoint = (rds_login.HOST, front.port)
                environment = aws.environment() | {
                    "AWS_ENDPOINT_URL_RDS": url,
                    "LOCAL_PIP_CACHE": str(state / "pip"),
                    "SLS_AWS_MONITORING_FREQUENCY": "250",
                    "NODE_OPTIONS": quick_package(),
                }
                yield Account(project, aws, api, login, front, environment)
        finally:
            aws.stop()
    finally:
        shutil.rmtree(state)


def test_an_express_cluster_is_made_signed_in_to_proven_and_removed(account: Account, server: Server) -> None:
    given = [f"dbUser={OWNER}", "dbSslRootCert=ponto/certificates/test.pem", "deletionProtection=false", "backupDays=3"]
    params = [f"--param={each}" for each in ("database=express", *given)]

    done = account.run("deploy", "--json", *params)

    assert done.status == 0, done.err
    assert done.err.index("creating the cluster") < done.err.index("sls deploy")
    assert done.json["applied"] == migrations()
    assert f"database created: {DATABASE}" in done.err
    rows = server.execute(f"select id::text, {SUBJECT_COLUMN} from ponto.batida", DATABASE)
    assert rows == [(done.json["punch"]["id"], RESERVED_EMPLOYEE_ID)]
    assert account.login.refused == []
    assert {*account.front.connections} == {"TLS"}

    account.api.operations.clear()
    removed = account.run("remove", "--yes")
    assert removed.status == 0, removed.err
    assert account.api.changes == ["DeleteDBInstance", "DeleteDBCluster", "DeleteDBClusterParameterGroup"]
    assert account.run("remove", "--yes").err.endswith("check --stage, --region and --profile\n")  # all is gone
