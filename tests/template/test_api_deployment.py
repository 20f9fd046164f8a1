"""The Deployment is a snapshot: a change of the API reaches nobody without a new one, that is, a new logical id."""

import copy
import json
import os
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.template.compiled import USER_POOL, Compile
from tools.kit import osls
from tools.kit.packaging import Template
from tools.kit.project import ROOT

API = [  # in the order of resources/api.yml
    "Api",
    "PunchResource",
    "PunchModel",
    "BodyValidator",
    "PostPunch",
    "PunchPreflight",
    "ReceiptResource",
    "GetReceipt",
    "ReceiptPreflight",
    "ClientError",
    "InvalidBody",
    "ServerError",
]
PUBLISHED = [*API, "ListReceipts"]  # of resources/identity.js
KEYS = ["ApiKey", "UsagePlan", "UsagePlanKey"]

# resources/api-deployment.js, its variables answered from standard input.
SCRIPT = """
const variables = JSON.parse(require('node:fs').readFileSync(0));
const resolveVariable = async (name) => variables[name];
require('./resources/api-deployment.js')({ resolveVariable }).then((made) => console.log(JSON.stringify(made)));
"""


def test_takes_in_all_that_is_published_before_the_stage_shows_it(prod: Template) -> None:
    name = deployment(prod)
    assert prod.properties(name) == {"RestApiId": {"Ref": "Api"}}
    assert prod.resources[name]["DependsOn"] == PUBLISHED[1:]
    assert prod.properties("ApiStage")["DeploymentId"] == {"Ref": name}


def test_another_origin_is_published(compiled: Compile, dev: Template) -> None:
    assert deployment(compiled("dev", "corsOrigin=https://app.example.org")) != deployment(dev)


def test_the_function_the_queue_and_throttling_publish_nothing(compiled: Compile, dev: Template) -> None:
    changes = ["timeout=30", "batchingWindow=2", "memory=512", "stageRateLimit=5", "keyRateLimit=5"]
    changed = compiled("dev", *changes)
    assert deployment(changed) == deployment(dev)
    assert changed.properties("ApiStage")["MethodSettings"][0]["ThrottlingRateLimit"] == "5"


def test_the_id_is_made_of_the_definitions_that_are_deployed(prod: Template) -> None:
    assert made_of(prod, _api(prod)) == deployment(prod)


def _describe_a_field(api: Any) -> None:
    api["PunchModel"]["Properties"]["Schema"]["properties"]["ponto"]["description"] = "When."


def _drop_the_key(api: Any) -> None:
    api["PostPunch"]["Properties"]["ApiKeyRequired"] = False


def _reword_an_answer(api: Any) -> None:
    api["ServerError"]["Properties"]["ResponseTemplates"]["application/json"] = "{}"


def _answer_another_failure(api: Any) -> None:
    api["Throttled"] = {"Type": "AWS::ApiGateway::GatewayResponse", "Properties": {"ResponseType": "THROTTLED"}}


def _drop_the_preflight(api: Any) -> None:
    del api["PunchPreflight"]


def _skip_validation(api: Any) -> None:
    api["BodyValidator"]["Properties"]["ValidateRequestBody"] = False


def _move(api: Any) -> None:
    api["PunchResource"]["Properties"]["PathPart"] = "punch"


@pytest.mark.parametrize(
    "change",
    [
        _describe_a_field,
        _drop_the_key,
        _reword_an_answer,
        _answer_another_failure,
        _drop_the_preflight,
        _skip_validation,
        _move,
    ],
)
def test_a_change_of_what_is_published_makes_a_new_deployment(prod: Template, change: Callable[[Any], None]) -> None:
    api = _api(prod)
    change(api)
    assert made_of(prod, api) != deployment(prod)


def test_keys_and_their_limits_are_not_published(prod: Template) -> None:
    api = _api(prod)
    api["UsagePlan"]["Properties"]["Throttle"]["RateLimit"] = 1
    del api["UsagePlanKey"]
    assert made_of(prod, api) == deployment(prod)


@pytest.mark.parametrize("is_turned_on", [True, False])
def test_what_an_update_publishes_is_what_its_template_says(
    compiled: Compile, prod: Template, is_turned_on: bool
) -> None:
    """CloudFormation removes what a template no longer has at the end: the new deployment is made while it is there."""
    templates = [prod, compiled("prod", f"userPoolArn={USER_POOL}")]
    before, after = templates if is_turned_on else reversed(templates)
    assert deployment(before) != deployment(after)
    still_there = before.resources.keys() - after.resources.keys() - {deployment(before)}
    kinds = {before.resources[name]["Type"] for name in still_there}
    # An authorizer that no method names any more answers nothing.
    assert {kind for kind in kinds if kind.startswith("AWS::ApiGateway::")} <= {"AWS::ApiGateway::Authorizer"}


def deployment(template: Template) -> str:
    (name,) = template.of_type("AWS::ApiGateway::Deployment")
    return name


def made_of(template: Template, api: Any) -> str:
    """The logical id that resources/api-deployment.js gives to the Deployment of an API, with what identity.js adds."""
    variables = {
        "file(resources/api.yml):Resources": api,
        "file(resources/identity.js):template": {"Resources": {"ListReceipts": template.resources["ListReceipts"]}},
        "sls:stage": "prod",
    }
    run = subprocess.run(
        ["node", "-e", SCRIPT],
        cwd=ROOT,
        env={"PATH": osls.search_path(os.environ)},
        input=json.dumps(variables),
        capture_output=True,
        text=True,
        check=True,
    )
    names: list[str] = list(json.loads(run.stdout)["Resources"])
    (name,) = (name for name in names if name != "ApiStage")
    return name


def _api(template: Template) -> Any:
    """What resources/api.yml defines, to be changed."""
    return copy.deepcopy({name: template.resources[name] for name in [*API, *KEYS]})
