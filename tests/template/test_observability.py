"""The gateway's access log and X-Ray: off unless asked for, and what they may say of an employee."""

import json

import pytest

from tests.template.compiled import CompileStage
from tools.kit.packaging import Template


@pytest.fixture
def observed(compile_stage: CompileStage) -> Template:
    """Return prod with all of it."""
    return compile_stage("prod", "accessLogs=true", "tracing=true")


def test_a_new_account_needs_no_role_for_logs_and_pays_for_no_traces(template: Template) -> None:
    assert "AccessLogSetting" not in template.properties("ApiStage")
    assert template.properties("ApiStage")["TracingEnabled"] is False
    for function in template.by_type("AWS::Lambda::Function").values():
        assert "TracingConfig" not in function


def test_an_access_log_tells_the_answer_and_nothing_of_body_key_or_place(observed: Template) -> None:
    setting = observed.properties("ApiStage")["AccessLogSetting"]
    assert setting["DestinationArn"] == {"Fn::GetAtt": ["AccessLogGroup", "Arn"]}
    line = json.loads(setting["Format"])  # JSON also where a variable is empty: each is in quotes
    # Adding one is a decision: $context.error.message and validationErrorString quote the body, identity.apiKey is
    # the key itself, identity.sourceIp personal data.
    assert set(line.values()) == {
        "$context.requestId",
        "$context.requestTimeEpoch",
        "$context.httpMethod",
        "$context.resourcePath",
        "$context.status",
        "$context.responseLatency",
        "$context.integration.latency",
        "$context.integration.status",
        "$context.identity.apiKeyId",
        "$context.error.responseType",
    }


def test_traces_cover_the_gateway_and_every_function(observed: Template) -> None:
    assert observed.properties("ApiStage")["TracingEnabled"] is True
    functions = observed.by_type("AWS::Lambda::Function").values()
    assert [function["TracingConfig"] for function in functions] == [{"Mode": "Active"}] * 3
    for role in ("BatidaPontoRole", "ReadRole", "SchemaRole"):
        assert {"Ref": "TracingPolicy"} in observed.properties(role)["ManagedPolicyArns"]
