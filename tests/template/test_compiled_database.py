"""The database that a stage creates or uses, and the network path to it."""

from typing import Any

import pytest

from tests.template.compiled import ARN, CompileStage
from tools.kit.packaging import Template

PASSWORDS = "dbLogin=secret"
IAM_LOGIN = {
    "MasterUserAuthenticationType": "iam-db-auth",
    "EnableIAMDatabaseAuthentication": True,
    "EnableHttpEndpoint": False,
}
PASSWORD_LOGIN = {"ManageMasterUserPassword": True, "EnableHttpEndpoint": True}


@pytest.mark.parametrize(
    ("stage", "parameters", "login", "is_protected", "backup_days"),
    [
        ("prod", [], IAM_LOGIN, True, 7),
        ("dev", [], IAM_LOGIN, False, 1),
        ("prod", [PASSWORDS], PASSWORD_LOGIN, True, 7),
    ],
)
def test_cluster_is_private_pauses_and_uses_tokens_or_a_managed_password(
    compile_stage: CompileStage,
    stage: str,
    parameters: list[str],
    login: dict[str, object],
    is_protected: bool,
    backup_days: int,
) -> None:
    template = compile_stage(stage, *parameters)
    cluster = template.properties("DatabaseCluster")
    protection = {"StorageEncrypted": True, "DeletionProtection": is_protected, "BackupRetentionPeriod": backup_days}
    protection["CopyTagsToSnapshot"] = True
    assert cluster.items() >= (login | protection).items()
    # The functions' variables have the same names.
    assert (cluster["DatabaseName"], cluster["MasterUsername"]) == ("pontodb", "ponto")
    assert {"MasterUserPassword", *IAM_LOGIN, *PASSWORD_LOGIN} & cluster.keys() == login.keys()
    assert cluster["ServerlessV2ScalingConfiguration"] == {
        "MinCapacity": 0,
        "MaxCapacity": 4,
        "SecondsUntilAutoPause": 300,
    }
    assert cluster["VpcSecurityGroupIds"] == [{"Ref": "DatabaseSecurityGroup"}]
    assert cluster["DBClusterParameterGroupName"] == {"Ref": "DatabaseParameters"}
    instance = template.properties("DatabaseInstance")
    assert instance["PubliclyAccessible"] is False
    assert instance["AutoMinorVersionUpgrade"] is False  # automatic upgrades would leave the long-term support version


def test_cluster_does_not_log_failed_statements_or_details(prod: Template) -> None:
    assert prod.properties("DatabaseParameters")["Parameters"] == {
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "log_parameter_max_length_on_error": "0",
        "log_statement": "ddl",
    }
    major = prod.properties("DatabaseCluster")["EngineVersion"].partition(".")[0]
    assert prod.properties("DatabaseParameters")["Family"] == f"aurora-postgresql{major}"


SECRETS = ("FunctionSecret", "ReadSecret")


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
    owner_secret = {"Fn::GetAtt": ["DatabaseCluster", "MasterUserSecret.SecretArn"]}
    function_secret, read_secret = ({"Ref": name} for name in SECRETS)
    assert database_variables(prod_with_passwords) == {
        "BatidaPontoLambdaFunction": connection | {"DB_USER": "ponto_drain", "DB_SECRET_ARN": function_secret},
        "ReadLambdaFunction": connection | {"DB_USER": "ponto_reader", "DB_SECRET_ARN": read_secret},
        "SchemaLambdaFunction": connection
        | {
            "DB_USER": "ponto",
            "DB_SECRET_ARN": owner_secret,
            "FUNCTION_SECRET_ARN": function_secret,
            "READ_SECRET_ARN": read_secret,
        },
    }


@pytest.mark.parametrize(
    ("parameters", "services"),
    [
        # CloudFormation would replace the group of an existing stage if its description changed.
        ([], "SQS"),
        ([PASSWORDS], "SQS and Secrets Manager"),
    ],
)
def test_only_the_functions_reach_the_database_and_the_endpoints(
    compile_stage: CompileStage, parameters: list[str], services: str
) -> None:
    prod = compile_stage("prod", *parameters)
    groups = prod.by_type("AWS::EC2::SecurityGroup")
    assert groups["EndpointSecurityGroup"]["GroupDescription"] == f"Endpoints of {services}: from the functions only"
    assert {name: group.get("SecurityGroupIngress") for name, group in groups.items()} == {
        "DatabaseSecurityGroup": [_functions_ingress(5432)],
        "EndpointSecurityGroup": [_functions_ingress(443)],
        "FunctionSecurityGroup": None,
    }
    no_egress = [{"IpProtocol": "-1", "CidrIp": "127.0.0.1/32", "Description": "Nothing"}]
    assert {name: group["SecurityGroupEgress"] for name, group in groups.items()} == {
        "DatabaseSecurityGroup": no_egress,
        "EndpointSecurityGroup": no_egress,
        "FunctionSecurityGroup": [
            _tcp(port, description) | {"CidrIp": "10.0.0.0/16"}
            for port, description in ((5432, "PostgreSQL"), (443, services))
        ],
    }
    for function in prod.by_type("AWS::Lambda::Function").values():
        assert function["VpcConfig"] == {
            "SubnetIds": [{"Ref": "SubnetA"}, {"Ref": "SubnetB"}],
            "SecurityGroupIds": [{"Ref": "FunctionSecurityGroup"}],
        }


@pytest.mark.parametrize(
    ("stage", "parameters", "services", "zones"),
    [
        ("prod", [], ["sqs"], 2),
        ("staging", [], ["sqs"], 2),
        ("dev", [], ["sqs"], 1),
        ("dev", ["endpointZones=2"], ["sqs"], 2),
        ("prod", [PASSWORDS], ["sqs", "secretsmanager"], 2),
    ],
)
def test_endpoints_exist_for_the_called_services_in_the_configured_zones(
    compile_stage: CompileStage, stage: str, parameters: list[str], services: list[str], zones: int
) -> None:
    template = compile_stage(stage, *parameters)
    subnets = [{"Ref": "SubnetA"}, {"Ref": "SubnetB"}]
    endpoints = list(template.by_type("AWS::EC2::VPCEndpoint").values())
    assert [endpoint["ServiceName"]["Fn::Sub"] for endpoint in endpoints] == [
        f"com.amazonaws.${{AWS::Region}}.{service}" for service in services
    ]
    for endpoint in endpoints:
        assert endpoint["SubnetIds"] == subnets[:zones]
        assert endpoint["VpcEndpointType"] == "Interface"
        assert endpoint["PrivateDnsEnabled"] is True  # so that the SDK's default address resolves to the endpoint
        assert endpoint["SecurityGroupIds"] == [{"Ref": "EndpointSecurityGroup"}]
    assert template.properties("Vpc")["EnableDnsSupport"] is True
    assert template.properties("Vpc")["EnableDnsHostnames"] is True
    assert template.properties("DatabaseSubnets")["SubnetIds"] == subnets  # functions and database are in both zones
    assert template.properties("BatidaPontoLambdaFunction")["VpcConfig"]["SubnetIds"] == subnets


def test_endpoints_admit_only_the_actions_that_the_functions_need(
    prod: Template, prod_with_passwords: Template
) -> None:
    queue, dead_letters = ({"Fn::GetAtt": [name, "Arn"]} for name in ("PunchQueue", "DeadLetterQueue"))
    owner_secret = {"Fn::GetAtt": ["DatabaseCluster", "MasterUserSecret.SecretArn"]}
    secrets = [owner_secret, *({"Ref": name} for name in SECRETS)]
    expected: dict[str, list[tuple[str, object]]] = {
        "SqsEndpoint": [("sqs:SendMessage", dead_letters), ("sqs:ChangeMessageVisibility", queue)],
        "SecretsManagerEndpoint": [("secretsmanager:GetSecretValue", secrets)],
    }
    for template, absent in ((prod_with_passwords, ()), (prod, ("SecretsManagerEndpoint",))):
        assert {
            name: endpoint["PolicyDocument"]["Statement"]
            for name, endpoint in template.by_type("AWS::EC2::VPCEndpoint").items()
        } == {
            name: [
                {"Effect": "Allow", "Principal": "*", "Action": action, "Resource": resource}
                for action, resource in permissions
            ]
            for name, permissions in expected.items()
            if name not in absent
        }


def test_existing_database_only_sets_variables_of_the_functions(compile_stage: CompileStage) -> None:
    template = compile_stage("dev", "database=existing", "dbHost=db.example.com")
    for function in template.by_type("AWS::Lambda::Function").values():
        assert "VpcConfig" not in function
    for variables in database_variables(template).values():
        assert (variables["DB_HOST"], variables["DB_PORT"]) == ("db.example.com", "5432")
        assert variables["DB_SECRET_ARN"] == variables.get("FUNCTION_SECRET_ARN", "") == ""

    # If the owner has a secret, separate secrets are created for the functions.
    with_secret = database_variables(compile_stage("dev", "database=existing", f"dbSecretArn={ARN}"))
    function_secret, read_secret = ({"Ref": name} for name in SECRETS)
    assert with_secret["BatidaPontoLambdaFunction"]["DB_SECRET_ARN"] == function_secret
    assert with_secret["ReadLambdaFunction"]["DB_SECRET_ARN"] == read_secret
    schema = with_secret["SchemaLambdaFunction"]
    secrets = [schema[f"{prefix}_SECRET_ARN"] for prefix in ("DB", "FUNCTION", "READ")]
    assert secrets == [ARN, function_secret, read_secret]


def test_express_cluster_needs_no_vpc_and_uses_public_certificates(
    compile_stage: CompileStage,
) -> None:
    template = compile_stage("prod", "database=express")
    host = "batida-ponto-prod.cluster-unknown.us-east-1.rds.amazonaws.com"  # until a deploy looks it up
    connection = {
        "DB_HOST": host,
        "DB_PORT": "5432",
        "DB_NAME": "pontodb",
        "DB_LOGIN": "iam",
        "DB_SSLMODE": "verify-full",
    }
    connection |= {"DB_SSLROOTCERT": "ponto/certificates/amazon.pem"}
    assert database_variables(template) == {
        "BatidaPontoLambdaFunction": connection | {"DB_USER": "ponto_drain"},
        "ReadLambdaFunction": connection | {"DB_USER": "ponto_reader"},
        "SchemaLambdaFunction": connection | {"DB_USER": "ponto", "DB_CREATED_FROM": "postgres"},
    }
    for function in template.by_type("AWS::Lambda::Function").values():
        assert "VpcConfig" not in function
    services = {resource["Type"].split("::")[1] for resource in template.resources.values()}
    assert not services & {"EC2", "RDS", "SecretsManager"}
    assert template.outputs["BackupDays"] == {"Value": "1"}


def database_variables(template: Template) -> dict[str, dict[str, Any]]:
    """Return the environment variables of each function that configure the database."""
    return {
        name: {
            key: value for key, value in function["Environment"]["Variables"].items() if "DB_" in key or "SEC" in key
        }
        for name, function in template.by_type("AWS::Lambda::Function").items()
    }


def _functions_ingress(port: int) -> dict[str, object]:
    return _tcp(port, "The functions") | {"SourceSecurityGroupId": {"Ref": "FunctionSecurityGroup"}}


def _tcp(port: int, description: str) -> dict[str, object]:
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "Description": description}
