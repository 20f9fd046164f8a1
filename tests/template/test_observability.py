"""The gateway's access log and X-Ray: off by default, and without personal data."""

import json

import pytest

from tests.template.compiled import CompileStage
from tools.kit.packaging import Template


@pytest.fixture
def observed(compile_stage: CompileStage) -> Template:
    """Return prod with access logs and traces."""
    return compile_stage("prod", "accessLogs=true", "tracing=true")


def test_access_logs_and_traces_are_off_by_default(prod: Template) -> None:
    assert "AccessLogSetting" not in prod.properties("ApiStage")
    assert prod.properties("ApiStage")["TracingEnabled"] is False


def test_access_log_has_neither_body_nor_key_nor_address(observed: Template) -> None:
    setting = observed.properties("ApiStage")["AccessLogSetting"]
    assert setting["DestinationArn"] == {"Fn::GetAtt": ["AccessLogGroup", "Arn"]}
    line = json.loads(setting["Format"])  # valid JSON even if a variable is empty, because all are quoted
    # Other variables need care: $context.error.message and validationErrorString quote the body, identity.apiKey is
    # the key itself, and identity.sourceIp is personal data.
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
