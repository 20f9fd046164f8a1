"""Resources that the parameter uploads adds: a private bucket, and the function that imports its files."""

import copy
import json
import re
from typing import Any

import pytest

from tests.template.compiled import CompileStage
from tests.template.test_permissions import extract_permissions
from tools.kit.packaging import Template

FUNCTION = "ImportacaoLambdaFunction"
UPLOADS = {
    "ImportacaoLogGroup": "AWS::Logs::LogGroup",
    "ImportacaoLambdaFunction": "AWS::Lambda::Function",
    "ImportacaoLambdaEvConf": "AWS::Lambda::EventInvokeConfig",
    "ImportacaoRole": "AWS::IAM::Role",
    "UploadBucket": "AWS::S3::Bucket",
    "UploadBucketPolicy": "AWS::S3::BucketPolicy",
    "UploadPermission": "AWS::Lambda::Permission",
    "UploadPolicy": "AWS::IAM::Policy",
}


@pytest.fixture(params=["prod", "local"])
def stage(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def other_policies(template: Any) -> set[str]:
    """Return the policies that other slices add to the function's role, and test themselves."""
    return {
        name
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::IAM::Policy"
        and {"Ref": "ImportacaoRole"} in resource["Properties"].get("Roles", ())
        and name not in UPLOADS
    }


def test_template_without_uploads_has_none_of_its_resources(compile_stage: CompileStage, stage: str) -> None:
    assert "mportacao" not in json.dumps(compile_stage(stage).document)
    assert "Upload" not in json.dumps(compile_stage(stage).document)


def test_uploads_change_only_the_senders_of_the_queue(compile_stage: CompileStage, stage: str) -> None:
    plain, template = (
        copy.deepcopy(compile_stage(stage, *parameters).document) for parameters in ([], ["uploads=true"])
    )
    resources = template["Resources"]
    for name, resource_type in (UPLOADS | {"ImportsFailedAlarm": "AWS::CloudWatch::Alarm"}).items():
        assert resources.pop(name)["Type"] == resource_type
    for name in other_policies(template):
        del resources[name]
    assert template["Outputs"].pop("UploadBucketName") == {"Value": {"Ref": "UploadBucket"}}
    _, denied = resources["QueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    senders = denied["Condition"]["ArnNotEquals"]["aws:PrincipalArn"]
    assert senders.pop() == {"Fn::GetAtt": ["ImportacaoRole", "Arn"]}
    for compared in (resources, plain["Resources"]):
        compared.pop("Dashboard", None)
        for resource in compared.values():
            resource["Properties"].pop("Code", None)  # the S3 key of a function's code holds a time
    assert template == plain


@pytest.mark.parametrize("stage_name", ["prod", "staging", "dev", "local"])
def test_bucket_and_its_policy_are_retained_like_the_queue(compile_stage: CompileStage, stage_name: str) -> None:
    resources = compile_stage(stage_name, "uploads=true").resources
    for attribute in ("DeletionPolicy", "UpdateReplacePolicy"):
        added = {name: resources[name].get(attribute) for name in UPLOADS}
        expected = resources["Queue"][attribute]
        assert {name: policy for name, policy in added.items() if policy} == dict.fromkeys(
            ("UploadBucket", "UploadBucketPolicy"), expected
        )


def test_function_has_timeout_limits_and_dead_letter_queue(prod_with_slices: Template) -> None:
    function = prod_with_slices.properties(FUNCTION)
    assert function["Handler"] == "slices/imports/function.main"
    assert function["Timeout"] == 900
    assert function["ReservedConcurrentExecutions"] == 2
    assert function["DeadLetterConfig"] == {"TargetArn": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}}
    assert "VpcConfig" not in function
    assert function["Environment"]["Variables"]["QUEUE_URL"] == {"Ref": "Queue"}
    assert "SIGN_IN_REQUIRED" not in function["Environment"]["Variables"]
    # Not the id of an API key, which has ten characters.
    assert function["Environment"]["Variables"]["MESSAGE_GROUP"] == "imports"
    config = prod_with_slices.properties("ImportacaoLambdaEvConf")
    assert (config["MaximumRetryAttempts"], config["MaximumEventAgeInSeconds"]) == (2, 21_600)
    assert config["DestinationConfig"] == {}  # the function has a dead-letter queue instead


def test_only_imports_and_redrives_can_set_attributes_of_a_message(compile_stage: CompileStage) -> None:
    template = compile_stage("prod", "uploads=true")
    permission = ("sqs:SendMessage", "Queue.Arn")
    senders = {name for name, granted in extract_permissions(template).items() if permission in granted}
    expected_senders = ["ApiRole", "OperatorRole", "ImportacaoRole"]
    assert senders == set(expected_senders)
    _, denied = template.properties("QueuePolicy")["PolicyDocument"]["Statement"]
    arns = [{"Fn::GetAtt": [name, "Arn"]} for name in expected_senders]
    assert (denied["Effect"], denied["Condition"]) == ("Deny", {"ArnNotEquals": {"aws:PrincipalArn": arns}})
    # A client of the API can set only what the gateway's mapping template sends.
    integrations = [json.dumps(method) for method in template.by_type("AWS::ApiGateway::Method").values()]
    sending = [text for text in integrations if "SendMessage" in text]
    assert len(sending) == 1
    assert re.findall(r"MessageAttribute\.\d+\.Name=(\w+)", sending[0]) == ["apiKeyId"]


def test_role_may_only_read_files_write_results_and_send(prod_with_slices: Template, prod: Template) -> None:
    before = extract_permissions(prod).keys() | other_policies(prod_with_slices.document)
    added = {name: granted for name, granted in extract_permissions(prod_with_slices).items() if name not in before}
    incoming, results = (
        json.dumps({"Fn::Sub": f"${{UploadBucket.Arn}}/{folder}/*"}) for folder in ("incoming", "results")
    )
    assert added == {
        "ImportacaoRole": {
            ("sqs:SendMessage", "Queue.Arn"),
            ("sqs:SendMessage", "DeadLetterQueue.Arn"),
            ("logs:CreateLogStream", "ImportacaoLogGroup.Arn"),
            ("logs:PutLogEvents", "ImportacaoLogGroup.Arn"),
        },
        "UploadPolicy": {
            ("s3:GetObject", incoming),
            ("s3:GetObjectVersion", incoming),
            ("s3:PutObject", results),
            ("s3:DeleteObject", json.dumps({"Fn::Sub": "${UploadBucket.Arn}/results/*/failure.json"})),
        },
    }
    role = prod_with_slices.properties("ImportacaoRole")
    (grant,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert grant["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert prod_with_slices.properties("UploadPolicy")["Roles"] == [{"Ref": "ImportacaoRole"}]


def test_permission_for_s3_is_created_before_the_bucket(prod_with_slices: Template) -> None:
    assert prod_with_slices.by_type("AWS::Lambda::Permission") == {
        "UploadPermission": {
            "Action": "lambda:InvokeFunction",
            "FunctionName": {"Ref": FUNCTION},
            "Principal": "s3.amazonaws.com",
            "SourceAccount": {"Ref": "AWS::AccountId"},
        }
    }
    assert prod_with_slices.resources["UploadBucket"]["DependsOn"] == ["UploadPermission"]


def test_only_incoming_files_invoke_the_function(prod_with_slices: Template) -> None:
    assert prod_with_slices.properties("UploadBucket")["NotificationConfiguration"] == {
        "LambdaConfigurations": [
            {
                "Event": "s3:ObjectCreated:*",
                "Function": {"Fn::GetAtt": [FUNCTION, "Arn"]},
                "Filter": {"S3Key": {"Rules": [{"Name": "prefix", "Value": "incoming/"}]}},
            }
        ]
    }


def test_bucket_is_private_encrypted_versioned_and_expires_files(prod_with_slices: Template) -> None:
    bucket = prod_with_slices.properties("UploadBucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert "BucketName" not in bucket  # a generated name cannot be predicted and taken by another account
    *expiring, replaced = bucket["LifecycleConfiguration"]["Rules"]
    days = prod_with_slices.properties("DeadLetterQueue")["MessageRetentionPeriod"] / 86_400
    assert {rule["Prefix"]: rule["ExpirationInDays"] for rule in expiring} == {"incoming/": 90, "results/": 90}
    assert 90 >= replaced["NoncurrentVersionExpiration"]["NoncurrentDays"] > days  # a redrive finds the file
    assert not replaced.keys() & {"Prefix", "ExpirationInDays"}
    assert replaced["ExpiredObjectDeleteMarker"] is True
