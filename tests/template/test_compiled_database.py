"""The database that a stage makes or is given, and the way to it."""

import re
from typing import Any

import pytest

from tests.template.compiled import ARN, Compile
from tools.kit.packaging import Template
from tools.kit.project import ROOT


@pytest.mark.parametrize(("stage", "protected", "backups"), [("prod", True, 7), ("dev", False, 1)])
def test_makes_a_cluster_that_pauses_and_keeps_its_password_to_itself(
    compiled: Compile, stage: str, protected: bool, backups: int
) -> None:
    template = compiled(stage)
    cluster = dict(template.properties("DatabaseCluster"))
    assert cluster == {
        "Engine": "aurora-postgresql",
        "EngineVersion": "17.7",  # older ones than 16.3 do not pause
        "DatabaseName": "pontodb",
        "MasterUsername": "ponto",
        "ManageMasterUserPassword": True,
        "EnableHttpEndpoint": True,
        "StorageEncrypted": True,
        "DeletionProtection": protected,
        "BackupRetentionPeriod": backups,
        "CopyTagsToSnapshot": True,
        "DBSubnetGroupName": {"Ref": "DatabaseSubnets"},
        "DBClusterParameterGroupName": {"Ref": "DatabaseParameters"},
        "VpcSecurityGroupIds": [{"Ref": "DatabaseSecurityGroup"}],
        "ServerlessV2ScalingConfiguration": {"MinCapacity": 0, "MaxCapacity": 4, "SecondsUntilAutoPause": 300},
    }
    assert template.properties("DatabaseInstance") == {
        "Engine": "aurora-postgresql",
        "DBClusterIdentifier": {"Ref": "DatabaseCluster"},
        "DBInstanceClass": "db.serverless",
        "AutoMinorVersionUpgrade": False,
        "PubliclyAccessible": False,
    }


def test_the_documents_say_which_version_the_cluster_has_and_stays_on(prod: Template) -> None:
    document = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert f"Aurora PostgreSQL {prod.properties('DatabaseCluster')['EngineVersion']}," in document


def test_the_clusters_log_holds_no_statement_that_failed_and_no_detail(prod: Template) -> None:
    assert prod.properties("DatabaseParameters")["Parameters"] == {
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "log_parameter_max_length_on_error": "0",
        "log_statement": "ddl",
    }
    document = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")  # the same for a server of one's own
    assert prod.properties("DatabaseParameters")["Parameters"] == dict(
        re.findall(r"^alter system set (\w+) = '?(\w+)'?;$", document, re.MULTILINE)
    )
    major = prod.properties("DatabaseCluster")["EngineVersion"].partition(".")[0]
    assert prod.properties("DatabaseParameters")["Family"] == f"aurora-postgresql{major}"


SECRETS = ("FunctionSecret", "ReadSecret")
GIVEN_SUBNETS = ("subnetIds=subnet-1,subnet-2", "securityGroupIds=sg-1")


def test_each_function_finds_the_cluster_and_its_own_secret(prod: Template) -> None:
    both = {
        "DB_HOST": {"Fn::GetAtt": ["DatabaseCluster", "Endpoint.Address"]},
        "DB_PORT": {"Fn::GetAtt": ["DatabaseCluster", "Endpoint.Port"]},
        "DB_NAME": "pontodb",
        "DB_SSLMODE": "verify-full",
        "DB_SSLROOTCERT": "",  # RDS's
    }
    owners = {"Fn::GetAtt": ["DatabaseCluster", "MasterUserSecret.SecretArn"]}
    functions, reports = ({"Ref": name} for name in SECRETS)
    assert database_variables(prod) == {
        "BatidaPontoLambdaFunction": both | {"DB_USER": "ponto_function", "DB_SECRET_ARN": functions},
        "ReadLambdaFunction": both | {"DB_USER": "ponto_reader", "DB_SECRET_ARN": reports},
        "SchemaLambdaFunction": both
        | {
            "DB_USER": "ponto",
            "DB_SECRET_ARN": owners,
            "FUNCTION_SECRET_ARN": functions,
            "READ_SECRET_ARN": reports,
        },
    }


def test_secrets_manager_makes_the_functions_passwords(prod: Template) -> None:
    generated = {"GenerateStringKey": "password", "PasswordLength": 40, "ExcludePunctuation": True}
    assert prod.of_type("AWS::SecretsManager::Secret") == {
        secret: {
            "Description": f"The database's user of the function that {what}",
            "GenerateSecretString": {"SecretStringTemplate": f'{{"username": "{user}"}}', **generated},
        }
        for secret, what, user in (
            ("FunctionSecret", "stores punches", "ponto_function"),
            ("ReadSecret", "reads", "ponto_reader"),
        )
    }


def test_only_the_functions_reach_the_database_and_only_they_the_endpoints(prod: Template) -> None:
    groups = prod.of_type("AWS::EC2::SecurityGroup")
    assert {name: group.get("SecurityGroupIngress") for name, group in groups.items()} == {
        "DatabaseSecurityGroup": [_from_functions(5432)],
        "EndpointSecurityGroup": [_from_functions(443)],
        "FunctionSecurityGroup": None,
    }
    nothing = [{"IpProtocol": "-1", "CidrIp": "127.0.0.1/32", "Description": "Nothing"}]
    assert {name: group["SecurityGroupEgress"] for name, group in groups.items()} == {
        "DatabaseSecurityGroup": nothing,
        "EndpointSecurityGroup": nothing,
        "FunctionSecurityGroup": [
            _tcp(port, what) | {"CidrIp": "10.0.0.0/16"}
            for port, what in ((5432, "PostgreSQL"), (443, "SQS and Secrets Manager"))
        ],
    }
    for function in prod.of_type("AWS::Lambda::Function").values():
        assert function["VpcConfig"] == {
            "SubnetIds": [{"Ref": "SubnetA"}, {"Ref": "SubnetB"}],
            "SecurityGroupIds": [{"Ref": "FunctionSecurityGroup"}],
        }


def test_the_subnets_of_the_private_network_lie_in_two_zones(prod: Template) -> None:
    subnets = prod.of_type("AWS::EC2::Subnet")
    assert prod.properties("DatabaseSubnets")["SubnetIds"] == [{"Ref": name} for name in subnets]
    assert [subnet["AvailabilityZone"] for subnet in subnets.values()] == [
        {"Fn::Select": [0, {"Fn::GetAZs": ""}]},
        {"Fn::Select": [1, {"Fn::GetAZs": ""}]},
    ]


def test_other_zones_than_the_regions_first_two_can_be_named(compiled: Compile) -> None:
    template = compiled("prod", "zones=sa-east-1a, sa-east-1c", AWS_REGION="sa-east-1")
    assert [subnet["AvailabilityZone"] for subnet in template.of_type("AWS::EC2::Subnet").values()] == [
        "sa-east-1a",
        "sa-east-1c",
    ]


@pytest.mark.parametrize(
    ("stage", "parameters", "subnets"),
    [
        ("prod", [], ["SubnetA", "SubnetB"]),
        ("staging", [], ["SubnetA", "SubnetB"]),
        ("dev", [], ["SubnetA"]),
        ("dev", ["endpointZones=2"], ["SubnetA", "SubnetB"]),
    ],
)
def test_endpoints_are_paid_for_in_as_many_zones_as_is_said_and_functions_and_database_have_both(
    compiled: Compile, stage: str, parameters: list[str], subnets: list[str]
) -> None:
    template = compiled(stage, *parameters)
    endpoints = template.of_type("AWS::EC2::VPCEndpoint").values()
    assert [endpoint["SubnetIds"] for endpoint in endpoints] == [[{"Ref": name} for name in subnets]] * 2
    both = [{"Ref": "SubnetA"}, {"Ref": "SubnetB"}]
    assert template.properties("DatabaseSubnets")["SubnetIds"] == both
    assert template.properties("BatidaPontoLambdaFunction")["VpcConfig"]["SubnetIds"] == both


def test_endpoints_serve_the_two_apis_that_the_functions_call(prod: Template) -> None:
    endpoints = prod.of_type("AWS::EC2::VPCEndpoint").values()
    assert [endpoint["ServiceName"]["Fn::Sub"] for endpoint in endpoints] == [
        "com.amazonaws.${AWS::Region}.sqs",
        "com.amazonaws.${AWS::Region}.secretsmanager",
    ]
    for endpoint in endpoints:
        assert endpoint["VpcEndpointType"] == "Interface"
        assert endpoint["PrivateDnsEnabled"] is True  # so that the SDK's own address leads to it
        assert endpoint["SecurityGroupIds"] == [{"Ref": "EndpointSecurityGroup"}]
    assert prod.properties("Vpc")["EnableDnsSupport"] is True
    assert prod.properties("Vpc")["EnableDnsHostnames"] is True


def test_through_an_endpoint_goes_only_what_the_functions_need(prod: Template) -> None:
    queue, dead_letters = ({"Fn::GetAtt": [name, "Arn"]} for name in ("PunchQueue", "DeadLetterQueue"))
    owners = {"Fn::GetAtt": ["DatabaseCluster", "MasterUserSecret.SecretArn"]}
    secrets = [owners, *({"Ref": name} for name in SECRETS)]
    expected: dict[str, list[tuple[str, object]]] = {
        "SqsEndpoint": [("sqs:SendMessage", dead_letters), ("sqs:ChangeMessageVisibility", queue)],
        "SecretsManagerEndpoint": [("secretsmanager:GetSecretValue", secrets)],
    }
    assert {
        name: endpoint["PolicyDocument"]["Statement"]
        for name, endpoint in prod.of_type("AWS::EC2::VPCEndpoint").items()
    } == {
        name: [{"Effect": "Allow", "Principal": "*", "Action": action, "Resource": on} for action, on in rights]
        for name, rights in expected.items()
    }


def test_an_existing_database_is_only_told_to_the_functions(compiled: Compile) -> None:
    template = compiled("dev", "database=existing", "dbHost=db.example.com")
    for function in template.of_type("AWS::Lambda::Function").values():
        assert "VpcConfig" not in function
        variables = function["Environment"]["Variables"]
        assert (variables["DB_HOST"], variables["DB_PORT"]) == ("db.example.com", "5432")
        assert variables["DB_SECRET_ARN"] == variables.get("FUNCTION_SECRET_ARN", "") == ""


def test_the_functions_get_secrets_beside_the_owners_of_an_existing_database(compiled: Compile) -> None:
    functions, reports = ({"Ref": name} for name in SECRETS)
    variables = database_variables(compiled("dev", "database=existing", f"dbSecretArn={ARN}"))
    assert variables["BatidaPontoLambdaFunction"]["DB_SECRET_ARN"] == functions
    assert variables["ReadLambdaFunction"]["DB_SECRET_ARN"] == reports
    schema = variables["SchemaLambdaFunction"]
    assert [schema[f"{of}_SECRET_ARN"] for of in ("DB", "FUNCTION", "READ")] == [ARN, functions, reports]


def test_one_machine_has_the_same_users(local: Template) -> None:
    assert {name: variables["DB_USER"] for name, variables in database_variables(local).items()} == {
        "BatidaPontoLambdaFunction": "ponto_function",
        "ReadLambdaFunction": "ponto_reader",
        "SchemaLambdaFunction": "postgres",
    }


def test_the_way_to_a_database_without_tls_or_of_another_authority_can_be_told(compiled: Compile) -> None:
    root = "ponto/certificates/company.pem"
    for function in compiled("dev", f"dbSslRootCert={root}").of_type("AWS::Lambda::Function").values():
        assert function["Environment"]["Variables"]["DB_SSLROOTCERT"] == root
    for function in compiled("dev", "dbSslMode=disable").of_type("AWS::Lambda::Function").values():
        assert function["Environment"]["Variables"]["DB_SSLMODE"] == "disable"


def database_variables(template: Template) -> dict[str, dict[str, Any]]:
    """What each function is told of the database."""
    return {
        name: {
            key: value for key, value in function["Environment"]["Variables"].items() if "DB_" in key or "SEC" in key
        }
        for name, function in template.of_type("AWS::Lambda::Function").items()
    }


def _from_functions(port: int) -> dict[str, object]:
    return _tcp(port, "The functions") | {"SourceSecurityGroupId": {"Ref": "FunctionSecurityGroup"}}


def _tcp(port: int, description: str) -> dict[str, object]:
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "Description": description}
