"""The API's Deployment: changes of the API take effect only with a new Deployment, under a new logical id."""

import copy
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.kit import osls
from tools.kit.packaging import Template

PUBLISHED = re.compile("::(RestApi|Resource|Method|Model|RequestValidator|GatewayResponse|Authorizer)$")

# Prints the logical ids that resources/api-deployment.js generates for each set of variables on standard input.
SCRIPT = """
const createDeployment = require('./resources/api-deployment.js');
const findDeploymentId = async (variables) => {
  const { Resources } = await createDeployment({ resolveVariable: async (name) => variables[name] });
  return Object.keys(Resources).find((id) => id !== 'ApiStage');
};
const variableSets = JSON.parse(require('node:fs').readFileSync(0));
Promise.all(variableSets.map(findDeploymentId)).then((ids) => console.log(JSON.stringify(ids)));
"""

# Changes of the properties of resources in resources/api.yml.
CHANGES: dict[str, Callable[[Any], object]] = {
    "nothing": lambda _: None,
    "a key's limits": lambda api: api["UsagePlan"]["Throttle"].update(RateLimit=1),
    "a field's description": lambda api: next(iter(api["EventModel"]["Schema"]["properties"].values())).update(
        description="When."
    ),
    "whether a key is required": lambda api: api["PostEvent"].update(ApiKeyRequired=False),
    "a gateway response": lambda api: api["ServerError"]["ResponseTemplates"].update({"application/json": "{}"}),
    "the preflight": lambda api: api.pop("EventPreflight"),
    "validation": lambda api: api["BodyValidator"].update(ValidateRequestBody=False),
    "the path": lambda api: api["EventResource"].update(PathPart="elsewhere"),
}
UNPUBLISHED = {"nothing", "a key's limits"}


def test_deployment_depends_on_all_published_resources(prod: Template, prod_with_slices: Template) -> None:
    for template in (prod, prod_with_slices):
        name = deployment(template)
        assert template.properties(name) == {"RestApiId": {"Ref": "Api"}}
        assert {"Api", *template.resources[name]["DependsOn"]} == published(template)
        assert template.properties("ApiStage")["DeploymentId"] == {"Ref": name}


def test_only_a_change_of_published_resources_creates_a_new_deployment(prod: Template, bare_project: Path) -> None:
    names = [*(name for name in prod.resources if name in published(prod)), "ApiKey", "UsagePlan", "UsagePlanKey"]
    variable_sets = []  # the variables that resources/api-deployment.js resolves, for each change
    for change in CHANGES.values():
        api = copy.deepcopy({name: prod.properties(name) for name in names})
        change(api)
        resources = {name: prod.resources[name] | {"Properties": properties} for name, properties in api.items()}
        variable_sets.append({"file(resources/api.yml):Resources": resources, "sls:stage": "prod"})
    run = subprocess.run(
        ["node", "-e", SCRIPT],
        cwd=bare_project,
        env={"PATH": osls.search_path(os.environ)},
        input=json.dumps(variable_sets),
        capture_output=True,
        text=True,
        check=True,
    )
    logical_ids = dict(zip(CHANGES, json.loads(run.stdout), strict=True))
    assert {change for change, name in logical_ids.items() if name == deployment(prod)} == UNPUBLISHED


def published(template: Template) -> set[str]:
    return {name for name, resource in template.resources.items() if PUBLISHED.search(resource["Type"])}


def deployment(template: Template) -> str:
    (name,) = template.by_type("AWS::ApiGateway::Deployment")
    return name
