"""The resources of each stage, their deletion policies, and the absence of secrets."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from ponto import __version__
from tests.database import SCHEMA_ENVIRONMENT
from tests.template.cloudwatch import alarms
from tests.template.compiled import CompileStage, PackageStage
from tools.develop.templates import SWITCHES
from tools.kit.packaging import Template

COMMON_SERVICES = {"ApiGateway", "CloudWatch", "IAM", "Lambda", "Logs", "S3", "SNS", "SQS"}
ESSENTIAL_ALARMS = {"dead-letters", "keeps-failing", "function-errors"}


@pytest.mark.parametrize(
    ("stage", "parameters", "services"),
    [
        ("prod", [], {"EC2", "KMS", "RDS"}),
        ("prod", ["dbLogin=secret"], {"EC2", "KMS", "RDS", "SecretsManager"}),
        ("prod", ["database=express"], {"KMS"}),
        ("prod", ["database=existing", "dbHost=db.example.com"], {"KMS"}),
        ("dev", [], {"EC2", "RDS"}),
        ("local", [], {"KMS"}),
    ],
)
def test_stage_has_only_the_resources_and_alarms_that_its_parameters_need(
    compile_stage: CompileStage, prod: Template, stage: str, parameters: list[str], services: set[str]
) -> None:
    template = compile_stage(stage, *parameters)
    assert {resource["Type"].split("::")[1] for resource in template.resources.values()} == COMMON_SERVICES | services
    assert "Conditions" not in template.document

    has_cluster = "RDS" in services or "database=express" in parameters
    names = {
        name
        for name, alarm in alarms(prod).items()
        if (stage != "local" or "Metrics" not in alarm) and (has_cluster or "AWS/RDS" not in str(alarm))
    }
    assert alarms(template, stage).keys() == (ESSENTIAL_ALARMS if stage == "dev" else names)


QUEUES = {"Queue", "DeadLetterQueue", "QueuePolicy", "DeadLetterQueuePolicy"}
DATABASE = {
    *("DatabaseCluster", "DatabaseInstance", "DatabaseParameters", "DatabaseSubnets"),
    "DatabaseSecurityGroup",
}
NETWORK = {"Vpc", "SubnetA", "SubnetB", "FunctionSecurityGroup"}
"""The network that contains the database and its security groups."""
RETAINED = QUEUES | DATABASE | NETWORK
EXISTING_NETWORK = ["vpcId=vpc-1", "subnetIds=subnet-1,subnet-2", "securityGroupIds=sg-1"]


@pytest.mark.parametrize(
    ("stage", "parameters", "deleted", "replaced", "expected"),
    [
        ("prod", [], "RetainExceptOnCreate", "Retain", RETAINED),
        ("prod", EXISTING_NETWORK, "RetainExceptOnCreate", "Retain", QUEUES | DATABASE),
        # A stage without separate settings has the policies of prod.
        ("staging", [], "RetainExceptOnCreate", "Retain", RETAINED),
        ("dev", [], "Delete", "Delete", RETAINED),
        ("local", [], "Delete", "Delete", QUEUES),
    ],
)
def test_resources_with_punches_are_retained_in_prod_and_deleted_elsewhere(
    compile_stage: CompileStage, stage: str, parameters: list[str], deleted: str, replaced: str, expected: set[str]
) -> None:
    resources = compile_stage(stage, *parameters).resources
    for attribute, policy in (("DeletionPolicy", deleted), ("UpdateReplacePolicy", replaced)):
        policies = {name: resource[attribute] for name, resource in resources.items() if attribute in resource}
        assert policies == dict.fromkeys(expected, policy), attribute


def test_retained_resources_refer_to_no_deleted_ones(prod: Template) -> None:
    senders = {"ApiRole", "OperatorRole"}  # QueuePolicy may refer to deleted roles, which no longer send
    for name in RETAINED:
        references = set(re.findall(r'"(?:Ref": |Fn::GetAtt": \[)"(\w+)"', json.dumps(prod.resources[name])))
        assert references <= RETAINED | (senders if name == "QueuePolicy" else set()), name


@pytest.mark.parametrize(
    ("stage", "parameters", "expected"),
    [("prod", [], True), ("dev", [], False), ("prod", ["terminationProtection=false"], False)],
)
def test_termination_protection_is_on_except_in_dev_and_local(
    package_stage: PackageStage, stage: str, parameters: list[str], expected: bool
) -> None:
    # The template does not contain this setting; `sls deploy` sets it after the deploy.
    assert package_stage(stage, *parameters).configuration["provider"]["deletionProtection"] is expected


def test_schema_function_gets_the_slices_in_order_and_all_roles(package_with_slices: PackageStage, stage: str) -> None:
    function = package_with_slices(stage).template().resources["SchemaLambdaFunction"]
    variables = function["Properties"]["Environment"]["Variables"]
    assert {name: variables[name] for name in SCHEMA_ENVIRONMENT} == SCHEMA_ENVIRONMENT


@pytest.mark.parametrize("parameters", [[], SWITCHES, ["dbLogin=secret"]], ids=["plain", "all on", "passwords"])
def test_no_property_holds_a_secret(package_with_slices: PackageStage, parameters: list[str]) -> None:
    template = package_with_slices("prod", *parameters).template()
    suspicious = {
        (key, json.dumps(value))
        for resource in template.resources.values()
        # Secrets Manager generates the value of its secrets.
        if resource["Type"] != "AWS::SecretsManager::Secret"
        for key, value in _properties(resource["Properties"])
        if re.search("passw|pwd|secret|token|api.?key|credential", key, re.IGNORECASE)
    }
    harmless = {
        ("ManageMasterUserPassword", "true"),  # RDS generates and stores the password
        ("DB_SECRET_ARN", '{"Fn::GetAtt": ["DatabaseCluster", "MasterUserSecret.SecretArn"]}'),
        *(
            (f"{prefix}_SECRET_ARN", json.dumps({"Ref": secret}))
            for secret in template.by_type("AWS::SecretsManager::Secret")
            for prefix in ("DB", secret.removesuffix("Secret").upper())
        ),
        ("ApiKeyRequired", "true"),
        ("Credentials", '{"Fn::GetAtt": ["ApiRole", "Arn"]}'),  # role of the gateway's integration
    }
    assert suspicious <= harmless
    assert set(template.properties("ApiKey")) == {"Enabled", "Description"}  # AWS generates the value


def test_outputs_addresses_and_the_id_of_the_key_but_not_the_key(prod: Template) -> None:
    url = "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/prod/ponto"
    assert {name: output["Value"] for name, output in prod.outputs.items()} == {
        "ServerlessDeploymentBucketName": {"Ref": "ServerlessDeploymentBucket"},
        "QueueUrl": {"Ref": "Queue"},
        "DeadLetterQueueUrl": {"Ref": "DeadLetterQueue"},
        "OperatorRoleArn": {"Fn::GetAtt": ["OperatorRole", "Arn"]},
        "ReaderRoleArn": {"Fn::GetAtt": ["ReaderRole", "Arn"]},
        "ApiUrl": {"Fn::Sub": url},
        "ApiId": {"Ref": "Api"},
        "ApiKeyId": {"Ref": "ApiKey"},
        "AlarmTopicArn": {"Ref": "AlarmTopic"},
        "Version": __version__,
        "Database": "create",
        "DatabaseLogin": "iam",
        "BackupDays": "7",
    }


def _properties(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield every key with its value, at any depth."""
    if isinstance(value, dict):
        yield from value.items()
        for item in value.values():
            yield from _properties(item)
    elif isinstance(value, list):
        for item in value:
            yield from _properties(item)
