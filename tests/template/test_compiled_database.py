"""The database that a stage creates or uses, and the network path to it."""

from typing import Any

import pytest

from tests.template.compiled import ARN, CompileStage
from tools.kit.packaging import Template

PASSWORDS = "dbLogin=secret"
IAM_LOGIN = {"MasterUserAuthenticationType": "iam-db-auth", "EnableIAMDatabaseAuthentication": True}
PASSWORD_LOGIN = {"ManageMasterUserPassword": True}


@pytest.mark.parametrize(
    ("stage", "parameters", "login", "is_protected", "backup_days"),
    [
        ("prod", [], IAM_LOGIN, True, 7),
        ("dev", [], IAM_LOGIN, False, 1),
        ("prod", [PASSWORDS], PASSWORD_LOGIN, True, 7),
    ],
)
def test_cluster_pauses_and_uses_tokens_or_a_managed_password(
    compile_stage: CompileStage,
    stage: str,
    parameters: list[str],
    login: dict[str, object],
    is_protected: bool,
    backup_days: int,
) -> None:
    cluster = compile_stage(stage, *parameters).properties("DatabaseCluster")
    assert {name: cluster[name] for name in cluster if "User" in name or "IAM" in name} == {
        "MasterUsername": "ponto", **login
    }  # fmt: skip
    assert cluster["EnableHttpEndpoint"] is (login == PASSWORD_LOGIN)  # the Data API needs a password
    assert (cluster["DeletionProtection"], cluster["BackupRetentionPeriod"]) == (is_protected, backup_days)
    capacity = {"MinCapacity": 0, "MaxCapacity": 4, "SecondsUntilAutoPause": 300}
    assert cluster["ServerlessV2ScalingConfiguration"] == capacity
    assert cluster["DBClusterParameterGroupName"] == {"Ref": "DatabaseParameters"}


def test_cluster_does_not_log_failed_statements_or_details(prod: Template) -> None:
    assert prod.properties("DatabaseParameters")["Parameters"] == {
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "log_parameter_max_length_on_error": "0",
        "log_statement": "ddl",
    }


SECRETS = ("DrainSecret", "ReadSecret")
OWNER_SECRET = {"Fn::GetAtt": ["DatabaseCluster", "MasterUserSecret.SecretArn"]}


@pytest.fixture
def prod_with_passwords(compile_stage: CompileStage) -> Template:
    """Return prod with login by passwords."""
    return compile_stage("prod", PASSWORDS)


def test_each_function_connects_to_the_cluster_as_a_separate_role(
    prod: Template, prod_with_passwords: Template
) -> None:
    connection = {
        "DB_HOST": {"Fn::GetAtt": ["DatabaseCluster", "Endpoint.Address"]},
        "DB_PORT": {"Fn::GetAtt": ["DatabaseCluster", "Endpoint.Port"]},
        "DB_NAME": "pontodb",
        "DB_SSLMODE": "verify-full",
        "DB_SSLROOTCERT": "",  # the certificates of RDS
    }
    assert database_variables(prod) == {
        f"{name}LambdaFunction": connection | {"DB_LOGIN": "iam", "DB_USER": user}
        for name, user in (("BatidaPonto", "ponto_drain"), ("Read", "ponto_reader"), ("Schema", "ponto"))
    }
    connection["DB_LOGIN"] = "secret"
    drain_secret, read_secret = ({"Ref": name} for name in SECRETS)
    assert database_variables(prod_with_passwords) == {
        "BatidaPontoLambdaFunction": connection | {"DB_USER": "ponto_drain", "DB_SECRET_ARN": drain_secret},
        "ReadLambdaFunction": connection | {"DB_USER": "ponto_reader", "DB_SECRET_ARN": read_secret},
        "SchemaLambdaFunction": connection
        | {
            "DB_USER": "ponto",
            "DB_SECRET_ARN": OWNER_SECRET,
            "DRAIN_SECRET_ARN": drain_secret,
            "READ_SECRET_ARN": read_secret,
        },
    }


def test_only_the_functions_reach_the_database_and_the_endpoints(prod: Template) -> None:
    groups = prod.by_type("AWS::EC2::SecurityGroup")
    functions, nothing = {"Ref": "FunctionSecurityGroup"}, [(None, "127.0.0.1/32")]
    assert {
        name: [(rule["FromPort"], rule["ToPort"], rule["SourceSecurityGroupId"]) for rule in rules]
        for name, group in groups.items()
        if (rules := group.get("SecurityGroupIngress"))
    } == {"DatabaseSecurityGroup": [(5432, 5432, functions)], "EndpointSecurityGroup": [(443, 443, functions)]}
    assert {
        name: [(rule.get("FromPort"), rule["CidrIp"]) for rule in group["SecurityGroupEgress"]]
        for name, group in groups.items()
    } == {
        "DatabaseSecurityGroup": nothing,
        "EndpointSecurityGroup": nothing,
        "FunctionSecurityGroup": [(5432, "10.0.0.0/16"), (443, "10.0.0.0/16")],
    }
    # CloudFormation would replace the group of an existing stage if its description changed.
    description = "Endpoints of SQS: from the functions only"
    assert groups["EndpointSecurityGroup"]["GroupDescription"] == description
    for function in prod.by_type("AWS::Lambda::Function").values():
        assert function["VpcConfig"] == {"SubnetIds": SUBNETS, "SecurityGroupIds": [functions]}


SUBNETS = [{"Ref": "SubnetA"}, {"Ref": "SubnetB"}]


@pytest.mark.parametrize(
    ("stage", "parameters", "services", "zones"),
    [
        ("prod", [PASSWORDS], ["sqs", "secretsmanager"], 2),
        ("dev", [], ["sqs"], 1),
        ("dev", ["endpointZones=2"], ["sqs"], 2),
    ],
)
def test_endpoints_exist_for_the_called_services_in_the_configured_zones(
    compile_stage: CompileStage, stage: str, parameters: list[str], services: list[str], zones: int
) -> None:
    template = compile_stage(stage, *parameters)
    endpoints = list(template.by_type("AWS::EC2::VPCEndpoint").values())
    names = [f"com.amazonaws.${{AWS::Region}}.{service}" for service in services]
    assert [endpoint["ServiceName"]["Fn::Sub"] for endpoint in endpoints] == names
    for endpoint in endpoints:
        assert endpoint["SubnetIds"] == SUBNETS[:zones]
        assert endpoint["PrivateDnsEnabled"] is True  # so that the SDK's default address resolves to the endpoint
        assert endpoint["SecurityGroupIds"] == [{"Ref": "EndpointSecurityGroup"}]
    assert template.properties("DatabaseSubnets")["SubnetIds"] == SUBNETS  # functions and database are in both zones
    assert template.properties("BatidaPontoLambdaFunction")["VpcConfig"]["SubnetIds"] == SUBNETS


def test_endpoints_admit_only_the_actions_that_the_functions_need(
    prod: Template, prod_with_passwords: Template
) -> None:
    def permissions(template: Template) -> dict[str, list[tuple[object, ...]]]:
        return {
            name: [tuple(statement.values()) for statement in endpoint["PolicyDocument"]["Statement"]]
            for name, endpoint in template.by_type("AWS::EC2::VPCEndpoint").items()
        }

    queue, dead_letters = ({"Fn::GetAtt": [name, "Arn"]} for name in ("Queue", "DeadLetterQueue"))
    secrets = [OWNER_SECRET, *({"Ref": name} for name in SECRETS)]
    sqs = [("sqs:SendMessage", dead_letters), ("sqs:ChangeMessageVisibility", queue)]
    reads = {"SecretsManagerEndpoint": [("Allow", "*", "secretsmanager:GetSecretValue", secrets)]}
    assert permissions(prod) == {"SqsEndpoint": [("Allow", "*", *permission) for permission in sqs]}
    assert permissions(prod_with_passwords) == permissions(prod) | reads


def test_existing_database_only_sets_variables_of_the_functions(compile_stage: CompileStage) -> None:
    template = compile_stage("dev", "database=existing", "dbHost=db.example.com")
    for function in template.by_type("AWS::Lambda::Function").values():
        assert "VpcConfig" not in function
    for variables in database_variables(template).values():
        assert (variables["DB_HOST"], variables["DB_PORT"]) == ("db.example.com", "5432")
        assert variables["DB_SECRET_ARN"] == variables.get("DRAIN_SECRET_ARN", "") == ""

    # If the owner has a secret, separate secrets are created for the functions.
    template = compile_stage("dev", "database=existing", f"dbSecretArn={ARN}", "rolePrefix=shop_")
    with_secret = database_variables(template)
    drain_secret, read_secret = ({"Ref": name} for name in SECRETS)
    assert with_secret["BatidaPontoLambdaFunction"]["DB_SECRET_ARN"] == drain_secret
    assert with_secret["ReadLambdaFunction"]["DB_SECRET_ARN"] == read_secret
    schema = with_secret["SchemaLambdaFunction"]
    secrets = [schema[f"{prefix}_SECRET_ARN"] for prefix in ("DB", "DRAIN", "READ")]
    assert secrets == [ARN, drain_secret, read_secret]
    variables = template.properties("SchemaLambdaFunction")["Environment"]["Variables"]
    assert variables["ROLE_PREFIX"] == "shop_"
    assert variables["ROLES"].startswith("shop_drain:DRAIN,shop_reader:READ")
    assert with_secret["ReadLambdaFunction"]["DB_USER"] == "shop_reader"
    assert "shop_drain" in template.properties("DrainSecret")["GenerateSecretString"]["SecretStringTemplate"]


def test_express_cluster_needs_no_vpc_and_uses_public_certificates(compile_stage: CompileStage) -> None:
    template = compile_stage("prod", "database=express")
    connection = {
        "DB_HOST": "batida-ponto-prod.cluster-unknown.us-east-1.rds.amazonaws.com",  # until a deploy looks it up
        "DB_PORT": "5432",
        "DB_NAME": "pontodb",
        "DB_LOGIN": "iam",
        "DB_SSLMODE": "verify-full",
        "DB_SSLROOTCERT": "ponto/certificates/amazon.pem",
    }
    assert database_variables(template) == {
        "BatidaPontoLambdaFunction": connection | {"DB_USER": "ponto_drain"},
        "ReadLambdaFunction": connection | {"DB_USER": "ponto_reader"},
        "SchemaLambdaFunction": connection | {"DB_USER": "ponto", "DB_CREATED_FROM": "postgres"},
    }
    for function in template.by_type("AWS::Lambda::Function").values():
        assert "VpcConfig" not in function
    assert template.outputs["BackupDays"] == {"Value": "1"}


def database_variables(template: Template) -> dict[str, dict[str, Any]]:
    """Return the environment variables of each function that configure the database."""
    return {
        name: {
            key: value for key, value in function["Environment"]["Variables"].items() if "DB_" in key or "SEC" in key
        }
        for name, function in template.by_type("AWS::Lambda::Function").items()
    }
