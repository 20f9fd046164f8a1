"""The database that a stage makes or is given, and the way to it."""

import pytest

from tests.template.conftest import ARN, Compile
from tests.template.packaging import Template


@pytest.mark.parametrize(("stage", "protected"), [("prod", True), ("dev", False)])
def test_makes_a_cluster_that_pauses_and_keeps_its_password_to_itself(
    compiled: Compile, stage: str, protected: bool
) -> None:
    template = compiled(stage)
    cluster = dict(template.properties("DatabaseCluster"))
    version = cluster.pop("EngineVersion")
    assert tuple(map(int, version.split("."))) >= (16, 3)  # older ones do not pause
    assert cluster == {
        "Engine": "aurora-postgresql",
        "DatabaseName": "pontodb",
        "MasterUsername": "ponto",
        "ManageMasterUserPassword": True,
        "EnableHttpEndpoint": True,
        "StorageEncrypted": True,
        "DeletionProtection": protected,
        "BackupRetentionPeriod": 7,
        "CopyTagsToSnapshot": True,
        "DBSubnetGroupName": {"Ref": "DatabaseSubnets"},
        "VpcSecurityGroupIds": [{"Ref": "DatabaseSecurityGroup"}],
        "ServerlessV2ScalingConfiguration": {"MinCapacity": 0, "MaxCapacity": 4, "SecondsUntilAutoPause": 300},
    }
    assert template.properties("DatabaseInstance") == {
        "Engine": "aurora-postgresql",
        "DBClusterIdentifier": {"Ref": "DatabaseCluster"},
        "DBInstanceClass": "db.serverless",
        "PubliclyAccessible": False,
    }


def test_the_functions_find_the_cluster_and_its_secret(prod: Template) -> None:
    for function in prod.of_type("AWS::Lambda::Function").values():
        variables = function["Environment"]["Variables"]
        assert {name: variables[name] for name in variables if name.startswith("DB_")} == {
            "DB_HOST": {"Fn::GetAtt": ["DatabaseCluster", "Endpoint.Address"]},
            "DB_PORT": {"Fn::GetAtt": ["DatabaseCluster", "Endpoint.Port"]},
            "DB_NAME": "pontodb",
            "DB_USER": "ponto",
            "DB_SSLMODE": "require",
            "DB_SECRET_ARN": {"Fn::GetAtt": ["DatabaseCluster", "MasterUserSecret.SecretArn"]},
        }


def test_only_the_functions_reach_the_database_and_only_they_the_endpoints(prod: Template) -> None:
    groups = prod.of_type("AWS::EC2::SecurityGroup")
    assert {name: group.get("SecurityGroupIngress") for name, group in groups.items()} == {
        "DatabaseSecurityGroup": [_from_functions(5432)],
        "EndpointSecurityGroup": [_from_functions(443)],
        "FunctionSecurityGroup": None,
    }
    assert groups["FunctionSecurityGroup"]["SecurityGroupEgress"] == [_within_vpc(5432), _within_vpc(443)]
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


def test_endpoints_serve_the_two_apis_that_the_functions_call(prod: Template) -> None:
    endpoints = prod.of_type("AWS::EC2::VPCEndpoint").values()
    assert [endpoint["ServiceName"]["Fn::Sub"] for endpoint in endpoints] == [
        "com.amazonaws.${AWS::Region}.sqs",
        "com.amazonaws.${AWS::Region}.secretsmanager",
    ]
    for endpoint in endpoints:
        assert endpoint["VpcEndpointType"] == "Interface"
        assert endpoint["PrivateDnsEnabled"] is True  # so that the SDK's own address leads to it
        assert endpoint["SubnetIds"] == [{"Ref": "SubnetA"}, {"Ref": "SubnetB"}]
        assert endpoint["SecurityGroupIds"] == [{"Ref": "EndpointSecurityGroup"}]
    assert prod.properties("Vpc")["EnableDnsSupport"] is True
    assert prod.properties("Vpc")["EnableDnsHostnames"] is True


def test_an_existing_database_is_only_told_to_the_functions(compiled: Compile) -> None:
    template = compiled("dev", "database=existing", "dbHost=db.example.com")
    for function in template.of_type("AWS::Lambda::Function").values():
        assert "VpcConfig" not in function
        variables = function["Environment"]["Variables"]
        assert (variables["DB_HOST"], variables["DB_PORT"]) == ("db.example.com", "5432")
        assert variables["DB_SECRET_ARN"] == ""


def test_the_functions_are_told_the_secret_of_an_existing_database(compiled: Compile) -> None:
    template = compiled("dev", "database=existing", f"dbSecretArn={ARN}")
    for function in template.of_type("AWS::Lambda::Function").values():
        assert function["Environment"]["Variables"]["DB_SECRET_ARN"] == ARN


def _from_functions(port: int) -> dict[str, object]:
    source = {"Ref": "FunctionSecurityGroup"}
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "SourceSecurityGroupId": source}


def _within_vpc(port: int) -> dict[str, object]:
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "CidrIp": "10.0.0.0/16"}
