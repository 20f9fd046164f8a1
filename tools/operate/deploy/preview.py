"""`ponto deploy --preview`: what a deploy would change, cost, and be refused for. Nothing is deployed.

CloudFormation compares the compiled template with a deployed stage. Of a new stage the preview lists the resources.
"""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.kit import osls, target
from tools.kit.collaborators import Collaborators
from tools.kit.errors import CommandError
from tools.kit.osls import stack_name
from tools.kit.output import print_json, print_result, print_status
from tools.kit.target import TargetOptions
from tools.operate.deploy import boundary, change_set, checks, express, stack_state
from tools.operate.deploy.compiled_stage import add_deployed_database, code_sha256, read_compiled_stage, read_template
from tools.operate.plan import costs
from tools.operate.plan import settings as plan_settings

if TYPE_CHECKING:
    import boto3

DATA = {
    "AWS::ApiGateway::ApiKey": "clients have its value",
    "AWS::ApiGateway::RestApi": "clients have its address, and the keys of `ponto keys` are for it",
    "AWS::Cognito::UserPool": "it has accounts of people who sign in",
    "AWS::KMS::Key": "what it encrypted cannot be read without it",
    "AWS::Logs::LogGroup": "it has the log",
    "AWS::RDS::DBCluster": "it has all punches",
    "AWS::S3::Bucket": "it has files",
    "AWS::SQS::Queue": "it may have punches that are not stored yet, or dead letters",
    "AWS::SecretsManager::Secret": "it has a password of the database",
}
"""What gets lost if a resource is replaced or deleted, by its type. Other types hold nothing."""

_PREVIEW_VARIABLE = "PONTO_PREVIEW"  # resources/lib/aws.js: look up what exists in the account, as in a deploy
_WORDS = ("added", "changed", "replaced", "deleted")

Document = Mapping[str, Any]
"""Result of a preview, as --json prints it."""


def run(
    collaborators: Collaborators,
    target_options: TargetOptions,
    params: Sequence[str],
    *,
    force: bool,
    as_json: bool,
) -> int:
    """Print what a deploy would do, and return the exit status: 0, or 2 if the deploy would be refused."""
    preview = _preview(collaborators, target_options, params, force=force)
    if as_json:
        print_json(preview)
    else:
        print_result(*_to_lines(preview))
    validation = preview["validation"]
    return 2 if preview["refusals"] or (validation and not validation["isAccepted"]) else 0


def _preview(
    collaborators: Collaborators, target_options: TargetOptions, params: Sequence[str], *, force: bool
) -> Document:
    stage = target_options.stage
    session, account, _ = target.announce(target_options)
    cloudformation = session.client("cloudformation")
    database = checks.require_deployable(cloudformation, stage)
    params = add_deployed_database(stage, params, database)
    params = boundary.add_boundary(cloudformation, stage, params)
    with tempfile.TemporaryDirectory(prefix="ponto-") as temporary:
        package = Path(temporary) / "package"
        _package(collaborators, session, stage, params, package)
        compiled = read_compiled_stage(package, collaborators.deploy_hooks())
        results = checks.check(session, target_options, params, compiled, database, force=force)
        outside_stack = list[str]()
        if settings := compiled.express_settings:
            describe = partial(express.describe_changes, session, stage, settings)
            outside_stack = results.look_up("changes of the express cluster", describe) or []
        changes: dict[str, list[Document]] = {word: [] for word in _WORDS}
        template = read_template(package)
        deployed = osls.find_stack(cloudformation, stage)
        comparison = None
        if deployed and not stack_state.is_abandoned(deployed):
            deployed_template = cloudformation.get_template(StackName=stack_name(stage))["TemplateBody"]
            _keep_deployed_metadata(template, deployed_template)
            _keep_unchanged_code(session, template, deployed_template, package)
            note = "whether S3 has the code of changed functions: the deploy uploads it"
            text = json.dumps(template, separators=(",", ":"))
            state = json.loads((package / "serverless-state.json").read_text(encoding="utf-8"))
            tags = state["service"]["provider"]["stackTags"]
            comparison = change_set.compare(session, account, deployed, text, tags)
            for resource_change in comparison.changes:
                _add_change(changes, resource_change)
        else:
            note = "whether CloudFormation accepts the template: it validates that of a new stage during the deploy"
            changes["added"] = [_change(name, resource["Type"]) for name, resource in template["Resources"].items()]
    return {
        "stage": stage,
        "account": account,
        "region": session.region_name,
        "stack": stack_name(stage),
        "isNew": comparison is None,
        **changes,
        "outsideStack": outside_stack,
        "twoUpdates": [deferred.reason for deferred in results.deferred_resources],
        "idleMonth": _idle_month(stage, params),
        "checked": results.checked,
        "unchecked": results.unchecked,
        "forced": results.forced,
        "refusals": results.refusals,
        "remedy": results.remedy,
        "notes": results.notes,
        "validation": comparison and comparison.validation,
        "notSeen": [note],
    }


def _package(
    collaborators: Collaborators, session: "boto3.Session", stage: str, params: Sequence[str], package: Path
) -> None:
    print_status("sls package")
    options = ["--stage", stage, "--region", session.region_name, "--package", str(package)]
    options += [f"--param={param}" for param in params]
    environment = osls.create_environment(session, stage) | {_PREVIEW_VARIABLE: "true"}
    if collaborators.run_sls("package", options, environment):
        raise CommandError("sls package failed, see its output above; a deploy would fail, too")


def _keep_deployed_metadata(template: Any, deployed_template: Any) -> None:
    """Set the deployed metadata of each resource. A change of metadata changes no resource.

    But a change set lists it, and may list each resource that has an attribute of this one as changed or replaced.
    """
    for logical_id, deployed in deployed_template.get("Resources", {}).items():
        if resource := template["Resources"].get(logical_id):
            resource.pop("Metadata", None)
            if "Metadata" in deployed:
                resource["Metadata"] = deployed["Metadata"]


def _keep_unchanged_code(session: "boto3.Session", template: Any, deployed_template: Any, package: Path) -> None:
    """Set the deployed key in S3 of each function whose code is unchanged; osls sets a new one at each packaging."""
    functions = session.client("lambda", config=target.config())
    deployed_resources = deployed_template.get("Resources", {})
    for logical_id, resource in template["Resources"].items():
        deployed = deployed_resources.get(logical_id, {})
        if not resource["Type"] == deployed.get("Type") == "AWS::Lambda::Function":
            continue
        try:
            configuration = functions.get_function_configuration(FunctionName=resource["Properties"]["FunctionName"])
        except functions.exceptions.ResourceNotFoundException:
            continue
        if configuration["CodeSha256"] == code_sha256(package, resource):
            resource["Properties"]["Code"]["S3Key"] = deployed["Properties"]["Code"]["S3Key"]


def _change(logical_id: str, kind: str, **fields: Any) -> Document:
    """Return a change of a resource.

    Args:
        fields: `isCertain`: False if CloudFormation cannot tell before the deploy; `properties`: those that change;
            `data`: what a replaced or deleted resource holds, and its fate; None: it holds nothing.
    """
    return {"logicalId": logical_id, "type": kind, "isCertain": True, "properties": [], "data": None} | fields


def _add_change(changes: Mapping[str, list[Document]], resource_change: Any) -> None:
    """Add a change of a change set, given its ResourceChange of DescribeChangeSet."""
    change = partial(_change, resource_change["LogicalResourceId"], resource_change["ResourceType"])
    action = resource_change["Action"]
    if action == "Add":
        changes["added"].append(change())
        return
    if action == "Remove":
        changes["deleted"].append(change(data=_describe_data(resource_change)))
        return
    details = [detail for detail in resource_change.get("Details", []) if "Target" in detail]
    targets = [detail["Target"] for detail in details]
    properties = list(dict.fromkeys(target.get("Name") or target["Attribute"] for target in targets))
    replacement = resource_change.get("Replacement", "False")
    # Dynamic: the property refers to another resource that changes, and may stay as it is.
    is_dynamic = action == "Dynamic" or (details and all(detail.get("Evaluation") == "Dynamic" for detail in details))
    change = partial(change, isCertain=not is_dynamic and replacement != "Conditional", properties=properties)
    if replacement == "False":
        changes["changed"].append(change())
    else:
        changes["replaced"].append(change(data=_describe_data(resource_change)))


def _describe_data(resource_change: Any) -> str | None:
    """Return what a replaced or deleted resource holds, and its PolicyAction; None: it holds nothing."""
    data, fate = DATA.get(resource_change["ResourceType"]), resource_change.get("PolicyAction")
    return f"{data} ({fate})" if data and fate else data


def _idle_month(stage: str, params: Sequence[str]) -> Document:
    """Return the bill of a month without punches, without the resources of slices."""
    values = dict(param.split("=", 1) for param in params)
    lines = costs.idle_bill(plan_settings.read(stage, values, may_be_unlisted=True))
    return costs.to_json([line for line in lines if line.quantity]) | {"pricesOf": costs.REGION}


def _to_lines(preview: Document) -> Iterator[str]:
    """Yield the lines of the output without --json: first what endangers data, last what was not seen."""
    yield "preview    {stage}, account {account}, region {region}: {stack} would be {}; nothing was deployed".format(
        "created" if preview["isNew"] else "updated", **preview
    )
    for word in ("replaced", "deleted"):
        for change in preview[word]:
            if change["data"]:
                verb = "is" if change["isCertain"] else "may be"
                yield f"HOLDS DATA {change['logicalId']} ({change['type']}) {verb} {word}: {change['data']}"
    for kind in dict.fromkeys(change["type"] for change in preview["added"]):
        names = ", ".join(change["logicalId"] for change in preview["added"] if change["type"] == kind)
        yield f"added      {kind}: {names}"
    for word in ("changed", "replaced", "deleted"):
        for change in preview[word]:
            properties = f": {', '.join(change['properties'])}" if change["properties"] else ""
            label = word if change["isCertain"] else f"{word}?"
            yield f"{label:<10} {change['logicalId']} ({change['type']}){properties}"
    validation = preview["validation"]
    if validation and validation["isAccepted"] and not any(preview[word] for word in _WORDS):
        yield "unchanged  all resources of the stack"
    yield from (f"outside    the stack: {line}" for line in preview["outsideStack"])
    yield from (f"updates    two: {reason}" for reason in preview["twoUpdates"])
    yield _idle_month_line(preview["idleMonth"])
    yield from _labelled_lines("note", preview["notes"])
    yield f"checked    {', '.join(preview['checked'])}"
    yield from _labelled_lines("unchecked", preview["unchecked"])
    yield from _labelled_lines("forced", preview["forced"])
    yield from _labelled_lines("refused", preview["refusals"])
    if remedy := preview["remedy"]:
        yield f"remedy     {remedy}"
    if validation:
        yield from _validation_lines(validation)
    yield from (f"not seen   {note}" for note in preview["notSeen"])


def _idle_month_line(month: Document) -> str:
    amounts = ", ".join(f"{line['what']} {line['dollars']:,.2f}" for line in month["lines"])
    prices = f"by list prices of {month['pricesOf']}, without slices"
    return f"idle month {month['dollars']:,.2f} US dollars, {prices}: {amounts}"


def _labelled_lines(label: str, texts: Iterable[str]) -> Iterator[str]:
    """Yield the lines of texts: the first line of each has the label, and the others are indented."""
    for text in texts:
        yield from f"{label:<10} {text}".replace("\n", f"\n{'':11}").splitlines()


def _validation_lines(validation: Document) -> Iterator[str]:
    reason = f": {validation['reason']}" if validation["reason"] else ""
    if not validation["isAccepted"]:
        yield f"refused    by CloudFormation ({validation['status']}{reason})"
    else:
        yield f"validated  by CloudFormation, {'with' if validation['warnings'] else 'without'} warnings"
    yield from (f"           {failure}" for failure in (*validation["errors"], *validation["warnings"]))
