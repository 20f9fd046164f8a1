"""docs/openapi.json says what the compiled template and the function do."""

import json
import re
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from openapi_spec_validator.validation.exceptions import OpenAPIValidationError

from slices.receipts import lookup as receipt
from tools.develop.docs import openapi
from tools.kit.packaging import Template
from tools.kit.project import ROOT

DOCUMENT: dict[str, Any] = json.loads(openapi.FILE.read_text(encoding="utf-8"))
PATHS = {"PunchResource": "/ponto", "ReceiptResource": "/ponto/{id}"}
OPERATIONS = {
    (method.upper(), path): operation for path, item in DOCUMENT["paths"].items() for method, operation in item.items()
}
# What the gateway itself answers, by what it is that makes it do so.
OF_THE_SCHEMA, OF_THE_SIGN_IN, OF_THE_KEY, OF_THE_TYPE, OF_A_THROTTLE = "400", "401", "403", "415", "429"
OF_FAILURES = "5XX"

Operation = tuple[str, str]


def methods(template: Template) -> dict[Operation, dict[str, Any]]:
    """The methods but for browsers' preflights, and for what callers of the account sign."""
    return {
        (method["HttpMethod"], PATHS[method["ResourceId"]["Ref"]]): method
        for method in template.of_type("AWS::ApiGateway::Method").values()
        if method["HttpMethod"] != "OPTIONS" and method["AuthorizationType"] != "AWS_IAM"
    }


def test_it_is_what_the_code_says_now() -> None:
    assert openapi.FILE.read_text(encoding="utf-8") == openapi.openapi(), "make docs writes it"


def test_it_is_openapi() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()
    with pytest.raises(OpenAPIValidationError):
        OpenAPIV31SpecValidator(DOCUMENT | {"paths": {"ponto": {}}}).validate()


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_example_is_what_its_schema_says(method: str, path: str) -> None:
    operation = OPERATIONS[method, path]
    bodies = [operation["requestBody"]] if "requestBody" in operation else []
    for body in bodies + list(operation["responses"].values()):
        content = body["content"]["application/json"]
        schema = {**content["schema"], "components": DOCUMENT["components"]}
        jsonschema.Draft202012Validator(schema).validate(content["example"])


def test_it_has_the_methods_of_the_template(prod: Template, signed_in: Template) -> None:
    assert methods(signed_in).keys() == methods(prod).keys() == OPERATIONS.keys()


def test_it_asks_for_the_key_and_the_sign_in_that_the_methods_ask_for(prod: Template, signed_in: Template) -> None:
    schemes = DOCUMENT["components"]["securitySchemes"]
    (authorizer,) = signed_in.of_type("AWS::ApiGateway::Authorizer").values()
    assert authorizer["IdentitySource"] == "method.request.header.Authorization"  # where a bearer token stands
    assert schemes["signIn"]["scheme"] == "bearer"
    assert (schemes["apiKey"]["in"], schemes["apiKey"]["name"]) == ("header", "x-api-key")

    for name, operation in OPERATIONS.items():
        wanted = []
        for method in (methods(template)[name] for template in (prod, signed_in)):
            signs_in = method["AuthorizationType"] == "COGNITO_USER_POOLS"
            if name != ("GET", "/ponto") or signs_in:  # else it answers that there is no list
                wanted.append(({"apiKey"} if method["ApiKeyRequired"] else set()) | ({"signIn"} if signs_in else set()))
        assert [set(each) for each in operation.get("security", DOCUMENT["security"])] == wanted


def test_a_body_is_the_gateways_model(prod: Template) -> None:
    post = prod.properties("PostPunch")
    assert (
        OPERATIONS["POST", "/ponto"]["requestBody"]["content"].keys() == post["Integration"]["RequestTemplates"].keys()
    )
    model = dict(prod.properties("PunchModel")["Schema"])
    del model["$schema"]
    assert DOCUMENT["components"]["schemas"]["Punch"] == model


def test_it_has_the_answers_that_a_punch_gets(prod: Template) -> None:
    integration = prod.properties("PostPunch")["Integration"]
    found = {OF_THE_KEY, OF_THE_SIGN_IN, OF_A_THROTTLE, OF_FAILURES}
    assert integration["PassthroughBehavior"] == "NEVER"
    assert prod.properties("PostPunch")["RequestValidatorId"]
    found |= {OF_THE_TYPE, OF_THE_SCHEMA}
    for response in integration["IntegrationResponses"]:
        overridden = re.findall(r"status = (\d+)", "".join(response["ResponseTemplates"].values()))
        found |= {status if status < "500" else OF_FAILURES for status in (response["StatusCode"], *overridden)}
    assert OPERATIONS["POST", "/ponto"]["responses"].keys() == found


@pytest.mark.parametrize("path", ["/ponto/{id}", "/ponto"])
def test_it_has_the_answers_that_whoever_asks_for_receipts_gets(path: str) -> None:
    source = (ROOT / "slices" / "receipts" / "lookup.py").read_text(encoding="utf-8")
    assert set(re.findall(r"_answer\((\d{3})", source)) == {"200", "404", "503"}
    of_the_gateway = {OF_THE_KEY, OF_THE_SIGN_IN, OF_A_THROTTLE, OF_FAILURES}
    assert OPERATIONS["GET", path]["responses"].keys() == {"200", "404", "503"} | of_the_gateway


def test_it_has_the_headers_that_answers_have(prod: Template) -> None:
    """Of every answer, by whichever of the three it is given: the integration, the gateway itself, the function."""
    by_method = {
        header.rpartition(".")[2]
        for response in prod.properties("PostPunch")["MethodResponses"]
        for header in response["ResponseParameters"]
    }
    answers = prod.of_type("AWS::ApiGateway::GatewayResponse").values()
    of_every = set.intersection(
        *({header.rpartition(".")[2] for header in answer["ResponseParameters"]} for answer in answers)
    )
    assert by_method == of_every
    no_id = {"pathParameters": {"id": "1"}, "requestContext": {}}
    by_function = set(receipt.Receipts(dict, "*").answer(no_id, pytest.fail)["headers"])
    assert by_function == of_every | {"Content-Type", "Cache-Control", "Retry-After"}

    for (_, path), operation in OPERATIONS.items():
        for status, response in operation["responses"].items():
            by_gateway = (operation["operationId"], status) == ("listReceipts", "404")
            looked_up = operation["operationId"] != "punch" and status in {"200", "404", "503"} and not by_gateway
            later = {"Retry-After"} if status in {"404", "503", OF_FAILURES} and not by_gateway else set()
            headers = of_every | {"Date"} | ({"Cache-Control"} if looked_up else set()) | later
            assert response["headers"].keys() == headers, (path, status)
