"""The gateway: the requests that it accepts, the request that it sends to SQS, and its responses."""

import json
import re
from typing import Any
from urllib.parse import parse_qs

import pytest

from ponto.punch import EVENT
from tests.template.compiled import CompileStage
from tools.kit.packaging import Template
from tools.kit.project import ROOT
from tools.local.velocity import Input, Util, render

KEY = {"identity": {"apiKeyId": "k4r2p0x9ab"}}
EXPOSED_HEADERS = "Date,Retry-After"
THROTTLED_PATH = EVENT.path.replace("/", "/~1")


def test_old_tls_is_refused(template: Template) -> None:
    api = template.properties("Api")
    assert (api["SecurityPolicy"], api["EndpointAccessMode"]) == ("SecurityPolicy_TLS13_1_2_2021_06", "BASIC")


def test_a_punch_needs_a_key_and_a_body_that_matches_the_schema(template: Template) -> None:
    method = template.properties("PostEvent")
    assert (method["HttpMethod"], method["ResourceId"]) == ("POST", {"Ref": "EventResource"})
    assert template.properties("EventResource")["PathPart"] == EVENT.path.removeprefix("/")
    assert method["ApiKeyRequired"] is True
    assert method["RequestValidatorId"] == {"Ref": "BodyValidator"}
    assert template.properties("BodyValidator")["ValidateRequestBody"] is True
    # Without $default, bodies of other content types would not be validated.
    assert method["RequestModels"] == {"application/json": {"Ref": "EventModel"}, "$default": {"Ref": "EventModel"}}
    model = template.properties("EventModel")
    assert model["ContentType"] == "application/json"
    assert model["Schema"] == json.loads((ROOT / "ponto" / "punch.schema.json").read_text())


def test_body_is_sent_to_the_queue_without_a_function(template: Template) -> None:
    integration = template.properties("PostEvent")["Integration"]
    queue = "arn:${AWS::Partition}:apigateway:${AWS::Region}:sqs:path/${AWS::AccountId}/${Queue.QueueName}"
    assert (integration["Type"], integration["IntegrationHttpMethod"]) == ("AWS", "POST")
    assert integration["Uri"] == {"Fn::Sub": queue}
    assert integration["Credentials"] == {"Fn::GetAtt": ["ApiRole", "Arn"]}
    assert integration["PassthroughBehavior"] == "NEVER"  # other content types get a 415
    assert set(integration["RequestTemplates"]) == {"application/json"}
    assert integration["RequestParameters"] == {
        "integration.request.header.Content-Type": "'application/x-www-form-urlencoded'",
        "integration.request.header.Accept": "'application/json'",  # the format of the response templates
    }


def test_every_value_in_the_request_to_sqs_is_encoded(prod: Template) -> None:
    template = _request_template(prod)
    values = r"\$util\.urlEncode\(\$(?:input|context)[\w.]*\)"
    assert len(re.findall(values, template)) == 3
    template = template.replace('#if("$!context.identity.apiKeyId" != "")', "")  # not part of the request
    assert "$" not in re.sub(values, "", template)


@pytest.mark.parametrize(
    "body",
    ['{"usuarioId":1}', '{"x":"&MessageAttribute.1.Name=a&Action=PurgeQueue"}', "%26Action=x", "a+b c", "ção\n", ""],
)
def test_body_cannot_add_parameters_to_the_sqs_request(prod: Template, body: str) -> None:
    request = render(_request_template(prod), {"util": Util(), "input": Input(body), "context": KEY})
    assert parse_qs(request, keep_blank_values=True, strict_parsing=True) == {
        "Action": ["SendMessage"],
        "MessageBody": [body],
        "MessageAttribute.1.Name": ["apiKeyId"],
        "MessageAttribute.1.Value.DataType": ["String"],
        "MessageAttribute.1.Value.StringValue": ["k4r2p0x9ab"],
        "MessageGroupId": ["k4r2p0x9ab"],
    }


@pytest.mark.parametrize(
    ("parameters", "key", "groups"),
    [
        ([], "k4r2p0x9ab", ["k4r2p0x9ab"]),
        ([], "a&MessageBody=b%26+ção", ["a&MessageBody=b%26+ção"]),
        ([], "", None),  # SQS would refuse an empty group id
        (["fairQueue=false"], "k4r2p0x9ab", None),
    ],
)
def test_message_group_of_a_punch_is_the_id_of_its_key(
    compile_stage: CompileStage, parameters: list[str], key: str, groups: list[str] | None
) -> None:
    context = {"identity": {"apiKeyId": key}}
    template = _request_template(compile_stage("prod", *parameters))
    request = render(template, {"util": Util(), "input": Input("{}"), "context": context})
    sqs_parameters = parse_qs(request, keep_blank_values=True, strict_parsing=True)
    assert sqs_parameters["MessageBody"] == ["{}"]
    assert sqs_parameters.get("MessageGroupId") == groups


def test_message_has_the_id_of_the_api_key_and_never_its_value(template: Template) -> None:
    assert set(re.findall(r"\$!?context[\w.]*", _request_template(template))) == {
        "$context.identity.apiKeyId",
        "$!context.identity.apiKeyId",
    }
    # SQS would refuse an empty id. With the default ApiKeySourceType, the gateway reads the key from the header
    # X-Api-Key, and refuses requests without it.
    assert template.properties("PostEvent")["ApiKeyRequired"] is True
    assert "ApiKeySourceType" not in template.properties("Api")


@pytest.mark.parametrize(
    ("code", "reason", "status", "message"),
    [
        ("InvalidMessageContents", "Invalid binary character '#x8' was found.", 400, "a control character"),
        ("InvalidParameterValue", "Reason: Message must be shorter than 65536 bytes.", 413, "larger than 65536 bytes"),
        ("InvalidParameterValue", "Value x for parameter y is invalid.", None, "error handling your request"),
        ("AccessDenied", "Message must be shorter than 65536 bytes", None, "error handling your request"),
        (None, None, None, "error handling your request"),
    ],
)
def test_only_sqs_errors_caused_by_the_body_are_client_errors(
    prod: Template, code: str | None, reason: str | None, status: int | None, message: str
) -> None:
    _, refused = prod.properties("PostEvent")["Integration"]["IntegrationResponses"]
    assert refused["StatusCode"] == "500"
    assert "SelectionPattern" not in refused  # used for every response that is not accepted
    limit = prod.properties("Queue")["MaximumMessageSize"]
    assert f"larger than {limit} bytes" in refused["ResponseTemplates"]["application/json"]

    override: dict[str, int] = {}
    from_sqs = {"Error": {"Code": code, "Message": reason}} if code else {}
    variables = {"input": Input(json.dumps(from_sqs)), "context": {"responseOverride": override}}
    body = render(refused["ResponseTemplates"]["application/json"], variables)

    assert override.get("status") == status
    assert message in json.loads(body)["message"]


@pytest.mark.parametrize(
    ("parameters", "origin"),
    [([], "https://ponto.example.com"), (["corsOrigin=https://app.example.org"], "https://app.example.org")],
)
def test_every_response_has_the_cors_headers_of_the_configured_origin(
    compile_stage: CompileStage, parameters: list[str], origin: str
) -> None:
    template = compile_stage("prod", *parameters)
    headers = {
        response["ResponseType"]: _headers(response)
        for response in template.by_type("AWS::ApiGateway::GatewayResponse").values()
    }
    for name, method in template.by_type("AWS::ApiGateway::Method").items():
        responses = {
            response["StatusCode"]: _headers(response) for response in method["Integration"]["IntegrationResponses"]
        }
        headers |= {f"{name} {status}": values for status, values in responses.items()}
        # The gateway drops a header that a method does not declare.
        declared = {response["StatusCode"]: _headers(response).keys() for response in method["MethodResponses"]}
        assert declared == {status: values.keys() for status, values in responses.items()}

    expected_responses = {"DEFAULT_4XX", "DEFAULT_5XX", "BAD_REQUEST_BODY", "PostEvent 202", "PostEvent 500"}
    assert headers.keys() == expected_responses | {"EventPreflight 204"}
    assert {values["Access-Control-Allow-Origin"] for values in headers.values()} == {f"'{origin}'"}
    assert {headers[name]["Access-Control-Expose-Headers"] for name in expected_responses} == {f"'{EXPOSED_HEADERS}'"}
    assert headers["DEFAULT_5XX"]["Retry-After"] == "'15'"


def _headers(response: Any) -> dict[str, Any]:
    return {name.rpartition(".")[2]: value for name, value in response["ResponseParameters"].items()}


def test_the_stage_each_method_and_each_key_are_throttled(prod: Template) -> None:
    assert throttles(prod) == {
        ("*", "/*"): (2000, 2000),
        ("POST", THROTTLED_PATH): (2000, 2000),
        ("OPTIONS", THROTTLED_PATH): (200, 200),
    }
    plan = prod.properties("UsagePlan")
    assert plan["Throttle"] == {"RateLimit": 2000, "BurstLimit": 2000}
    assert plan["ApiStages"] == [{"ApiId": {"Ref": "Api"}, "Stage": "prod"}]
    # The plan refers to the stage by a string, from which CloudFormation infers no dependency.
    assert prod.resources["UsagePlan"]["DependsOn"] == ["ApiStage"]
    assert prod.properties("UsagePlanKey") == {
        "KeyId": {"Ref": "ApiKey"},
        "KeyType": "API_KEY",
        "UsagePlanId": {"Ref": "UsagePlan"},
    }


def test_every_method_of_every_slice_has_a_throttle(prod_with_slices: Template) -> None:
    segments = {
        name: (resource["PathPart"], resource["ParentId"].get("Ref"))
        for name, resource in prod_with_slices.by_type("AWS::ApiGateway::Resource").items()
    }

    def build_path(name: str | None) -> str:
        return f"{build_path(segments[name][1])}/~1{segments[name][0]}".replace("/~1", "~1") if name else ""

    methods = {
        (method["HttpMethod"], f"/{build_path(method['ResourceId']['Ref'])}")
        for method in prod_with_slices.by_type("AWS::ApiGateway::Method").values()
    }
    assert methods == throttles(prod_with_slices).keys() - {("*", "/*")}


def throttles(template: Template) -> dict[tuple[str, str], tuple[object, object]]:
    """Return the rate and burst limits of a stage by method and path."""
    return {
        (setting["HttpMethod"], setting["ResourcePath"]): (
            setting["ThrottlingRateLimit"],
            setting["ThrottlingBurstLimit"],
        )
        for setting in template.properties("ApiStage")["MethodSettings"]
    }


def _request_template(template: Template) -> str:
    return str(template.properties("PostEvent")["Integration"]["RequestTemplates"]["application/json"])
