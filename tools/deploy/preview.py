"""`ponto deploy --preview`: what a deploy would change, cost, and be refused for. Nothing is deployed."""

import copy
import json
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from tools.deploy import change_set, checks, express, stack_state
from tools.deploy.change_set import Comparison
from tools.deploy.compiled_stage import add_deployed_database, code_sha256, read_compiled_stage, read_template
from tools.kit import osls, target
from tools.kit.collaborators import Collaborators
from tools.kit.errors import CommandError
from tools.kit.osls import stack_name
from tools.kit.output import print_json, print_result, print_status
from tools.plan import costs
from tools.plan import settings as plan_settings

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

_FATES = {  # of the resource, by CloudFormation's PolicyAction
    "Delete": "it is deleted with its contents",
    "Retain": "it stays outside the stack",
    "Snapshot": "it is deleted after a snapshot",
    "ReplaceAndDelete": "the new one is empty, and the old one is deleted with its contents",
    "ReplaceAndRetain": "the new one is empty, and the old one stays outside the stack",
    "ReplaceAndSnapshot": "the new one is empty, and the old one is deleted after a snapshot",
}
_PRICES_REGION = "us-east-1"  # for regions whose prices are unknown
_DASHBOARD = "AWS::CloudWatch::Dashboard"
_NO_DASHBOARD_BODY = '{"widgets":[]}'
_PREVIEW_VARIABLE = "PONTO_PREVIEW"  # resources/aws.js: look up what exists in the account, as in a deploy


class Change(NamedTuple):
    """A change of a resource."""

    logical_id: str
    type: str
    is_certain: bool = True  # False: CloudFormation cannot tell before the deploy
    properties: tuple[str, ...] = ()  # changed properties
    data: str | None = None  # of a replaced or deleted resource: what it holds, and its fate; None: it holds nothing


class Changes(NamedTuple):
    """Changes of a stack."""

    added: list[Change]
    changed: list[Change]
    replaced: list[Change]
    deleted: list[Change]

    def of_data(self) -> Iterator[tuple[str, Change]]:
        """Yield the replacements and deletions of what holds data, each with a word for it."""
        for word, changes in (("replaced", self.replaced), ("deleted", self.deleted)):
            yield from ((word, change) for change in changes if change.data)


class IdleMonth(NamedTuple):
    """The bill of a month without punches, without the resources of slices."""

    dollars: float
    region: str  # of the prices
    lines: list[costs.BillLine]  # those that are not 0


class Preview(NamedTuple):
    """Result of a preview."""

    stage: str
    account: str
    region: str
    is_new: bool  # whether the stage has no stack yet
    changes: Changes
    checks: checks.Checks
    outside_stack: list[str]  # what the deploy creates or changes outside the stack
    idle_month: IdleMonth
    comparison: Comparison
    notes: list[str]  # what the comparison does not show

    @property
    def status(self) -> int:
        """Exit status: 2 if a check or CloudFormation refuses, or something could not be deleted."""
        return 0 if self.comparison.is_accepted and not self.checks.refusals + self.comparison.undeleted else 2


def run(
    collaborators: Collaborators,
    target_options: target.TargetOptions,
    params: Sequence[str],
    *,
    force: bool,
    as_json: bool,
) -> int:
    """Print what a deploy would do, and return the exit status: 0, or 2 if the deploy would be refused."""
    preview = _preview(collaborators, target_options, params, force=force)
    if as_json:
        print_json(_to_json(preview))
    else:
        print_result(*_to_lines(preview))
    return preview.status


def _preview(
    collaborators: Collaborators, target_options: target.TargetOptions, params: Sequence[str], *, force: bool
) -> Preview:
    stage = target_options.stage
    session, account, _ = target.announce(target_options)
    osls.warn_if_expiring(session)
    cloudformation = session.client("cloudformation")
    database = checks.require_deployable(cloudformation, stage)
    params = add_deployed_database(stage, params, database)
    with tempfile.TemporaryDirectory(prefix="ponto-") as temporary:
        package = Path(temporary) / "package"
        _package(collaborators, session, stage, params, package)
        compiled = read_compiled_stage(package, collaborators.deploy_hooks())
        results = checks.check(session, target_options, params, compiled, database, force=force)
        outside_stack = list[str]()
        if settings := compiled.express_settings:
            describe = partial(express.describe_changes, session, stage, settings)
            outside_stack = results.look_up("changes of the express cluster", describe) or []
        deployed = osls.find_stack(cloudformation, stage)
        if deployed and stack_state.is_abandoned(deployed):
            deployed = None
        is_new = deployed is None
        deployed_template = {} if is_new else cloudformation.get_template(StackName=stack_name(stage))["TemplateBody"]
        template = read_template(package)
        notes = ["whether S3 has the code of changed functions: the deploy uploads it"]
        _keep_deployed_metadata(template, deployed_template)
        if problem := _keep_unchanged_code(session, template, deployed_template, package):
            notes.append(problem)
        text, is_reduced = encode_template(template, stack_name(stage) if is_new else None)
        if is_reduced:
            compared = "was not sent" if is_new else "was compared with the deployed template instead"
            notes.append(f"the dashboard's body, which {compared}")
        tags = _read(package / "serverless-state.json")["service"]["provider"]["stackTags"]
        comparison = change_set.compare(session, account, stage, deployed, text, tags, collaborators.clock)
        same_dashboards = _same_dashboards(template, deployed_template) if is_reduced else set()
    return Preview(
        stage=stage,
        account=account,
        region=session.region_name,
        is_new=is_new,
        changes=_read_changes(comparison.changes, same_dashboards),
        checks=results,
        outside_stack=outside_stack,
        idle_month=_idle_month(stage, params, session.region_name),
        comparison=comparison,
        notes=notes,
    )


def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


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


def _keep_unchanged_code(session: "boto3.Session", template: Any, deployed_template: Any, package: Path) -> str | None:
    """Set the deployed key in S3 of each function whose code is unchanged; osls sets a new one at each packaging.

    Returns:
        What could not be compared; None: everything was.
    """
    functions = session.client("lambda", config=target.config())
    deployed_resources = deployed_template.get("Resources", {})
    for logical_id, resource in template["Resources"].items():
        deployed = deployed_resources.get(logical_id, {})
        if not resource["Type"] == deployed.get("Type") == "AWS::Lambda::Function":
            continue
        code = resource["Properties"]["Code"]
        try:
            configuration = functions.get_function_configuration(FunctionName=resource["Properties"]["FunctionName"])
        except functions.exceptions.ResourceNotFoundException:
            continue
        except (BotoCoreError, ClientError) as error:
            return f"whether the functions' code changed: it is shown as changed ({target.explain(error)})"
        if configuration["CodeSha256"] == code_sha256(package, resource):
            code["S3Key"] = deployed["Properties"]["Code"]["S3Key"]
    return None


def encode_template(template: Mapping[str, Any], new_stack: str | None) -> tuple[str, bool]:
    """Return a template as JSON, and whether it lacks the dashboard's body because it fits into a request only so.

    Args:
        new_stack: name of a new stage's stack, for names that contain it: the change set's stack has another name.
    """
    reduced = copy.deepcopy(dict(template))
    for resource in reduced["Resources"].values():
        if resource["Type"] == _DASHBOARD:
            resource["Properties"]["DashboardBody"] = _NO_DASHBOARD_BODY
    texts = [json.dumps(document, separators=(",", ":")) for document in (template, reduced)]
    if new_stack:
        texts = [text.replace("${AWS::StackName}", new_stack) for text in texts]
    is_reduced = len(texts[1]) <= change_set.MAX_BODY_BYTES < len(texts[0])
    return texts[is_reduced], is_reduced


def _read_changes(resource_changes: Iterable[Any], same_dashboards: Collection[str]) -> Changes:
    """Return the changes of a change set.

    Args:
        resource_changes: as in DescribeChangeSet.
        same_dashboards: logical ids of dashboards that have not changed, although their body was not sent.
    """
    changes = Changes([], [], [], [])
    for resource_change in resource_changes:
        logical_id, kind = resource_change["LogicalResourceId"], resource_change["ResourceType"]
        action = resource_change["Action"]
        if logical_id in same_dashboards:
            continue
        if action == "Add":
            changes.added.append(Change(logical_id, kind))
            continue
        if action == "Remove":
            changes.deleted.append(Change(logical_id, kind, data=_describe_data(resource_change)))
            continue
        details = [detail for detail in resource_change.get("Details", []) if "Target" in detail]
        targets = [detail["Target"] for detail in details]
        properties = dict.fromkeys(target.get("Name") or target["Attribute"] for target in targets)
        replacement = resource_change.get("Replacement", "False")
        # Dynamic: the property refers to another resource that changes, and may stay as it is.
        is_dynamic = action == "Dynamic" or (
            details and all(detail.get("Evaluation") == "Dynamic" for detail in details)
        )
        change = Change(logical_id, kind, not is_dynamic and replacement != "Conditional", tuple(properties))
        if replacement == "False":
            changes.changed.append(change)
        else:
            changes.replaced.append(change._replace(data=_describe_data(resource_change)))
    return changes


def _same_dashboards(template: Any, deployed_template: Any) -> set[str]:
    """Return the logical ids of the dashboards that are the deployed ones."""
    deployed = deployed_template.get("Resources", {})
    resources = template["Resources"].items()
    return {name for name, resource in resources if resource["Type"] == _DASHBOARD and resource == deployed.get(name)}


def _describe_data(resource_change: Any) -> str | None:
    """Return what a replaced or deleted resource holds, and what becomes of it; None: it holds nothing."""
    if (data := DATA.get(resource_change["ResourceType"])) is None:
        return None
    fate = _FATES.get(resource_change.get("PolicyAction", ""))
    return f"{data}; {fate}" if fate else data


def _idle_month(stage: str, params: Sequence[str], region: str) -> IdleMonth:
    region = region if region in costs.PRICES else _PRICES_REGION
    values = dict(param.split("=", 1) for param in params)
    lines = costs.idle_bill(plan_settings.read(stage, values, may_be_unlisted=True), region)
    return IdleMonth(costs.total(lines), region, [line for line in lines if line.quantity])


def _to_lines(preview: Preview) -> Iterator[str]:
    """Yield the lines of the output without --json: first what endangers data, last what was not seen."""
    stack = stack_name(preview.stage)
    yield (
        f"preview    {preview.stage}, account {preview.account}, region {preview.region}: "
        f"{stack} would be {'created' if preview.is_new else 'updated'}; nothing was deployed"
    )
    for word, change in preview.changes.of_data():
        verb = "is" if change.is_certain else "may be"
        yield f"HOLDS DATA {change.logical_id} ({change.type}) {verb} {word}: {change.data}"
    types = dict.fromkeys(change.type for change in preview.changes.added)
    for kind in types:
        names = ", ".join(change.logical_id for change in preview.changes.added if change.type == kind)
        yield f"added      {kind}: {names}"
    for word in ("changed", "replaced", "deleted"):
        for change in getattr(preview.changes, word):
            properties = f": {', '.join(change.properties)}" if change.properties else ""
            label = word if change.is_certain else f"{word}?"
            yield f"{label:<10} {change.logical_id} ({change.type}){properties}"
    if not any(preview.changes) and preview.comparison.is_accepted:
        yield "unchanged  all resources of the stack"
    yield from (f"outside    the stack: {line}" for line in preview.outside_stack)
    yield from (f"updates    two: {deferred.reason}" for deferred in preview.checks.deferred_resources)
    month, unpriced = preview.idle_month, costs.count_unpriced(preview.idle_month.lines)
    without = f", and {unpriced} line{'s'[: unpriced > 1]} without a price" if unpriced else ""
    yield (
        f"idle month {month.dollars:,.2f} US dollars{without}, by list prices of {month.region}, without slices: "
        + ", ".join(f"{line.what} {line.amount}" for line in month.lines)
    )
    yield f"checked    {', '.join(preview.checks.checked)}"
    yield from _labelled_lines("unchecked", preview.checks.unchecked)
    yield from _labelled_lines("forced", preview.checks.forced)
    yield from _labelled_lines("refused", preview.checks.refusals)
    if remedy := preview.checks.remedy:
        yield f"remedy     {remedy}"
    yield from _validation_lines(preview.comparison)
    yield from (f"not seen   {note}" for note in preview.notes)


def _labelled_lines(label: str, texts: Iterable[str]) -> Iterator[str]:
    """Yield the lines of texts: the first line of each has the label, and the others are indented."""
    for text in texts:
        yield from f"{label:<10} {text}".replace("\n", f"\n{'':11}").splitlines()


def _validation_lines(comparison: Comparison) -> Iterator[str]:
    reason = f": {comparison.reason}" if comparison.reason else ""
    if not comparison.is_accepted:
        yield f"refused    by CloudFormation ({comparison.status}{reason})"
    elif comparison.unread:
        yield f"validated  by CloudFormation, but its warnings could not be read: {comparison.unread}"
    else:
        yield f"validated  by CloudFormation, {'with' if comparison.failures else 'without'} warnings"
    yield from (f"           {failure}" for failure in comparison.failures)
    yield from (f"left over  {reason}" for reason in comparison.undeleted)


def _to_json(preview: Preview) -> Any:
    comparison = preview.comparison
    return {
        "stage": preview.stage,
        "account": preview.account,
        "region": preview.region,
        "stack": stack_name(preview.stage),
        "isNew": preview.is_new,
        **{
            word: [
                {
                    "logicalId": change.logical_id,
                    "type": change.type,
                    "isCertain": change.is_certain,
                    "properties": change.properties,
                    "data": change.data,
                }
                for change in changes
            ]
            for word, changes in preview.changes._asdict().items()
        },
        "outsideStack": preview.outside_stack,
        "twoUpdates": [deferred.reason for deferred in preview.checks.deferred_resources],
        "idleMonth": costs.to_json(preview.idle_month.lines) | {"pricesOf": preview.idle_month.region},
        "checked": preview.checks.checked,
        "unchecked": preview.checks.unchecked,
        "forced": preview.checks.forced,
        "refusals": preview.checks.refusals,
        "remedy": preview.checks.remedy,
        "validation": {
            "isAccepted": comparison.is_accepted,
            "status": comparison.status,
            "reason": comparison.reason,
            "errors": [str(failure) for failure in comparison.failures if not failure.is_warning],
            "warnings": [str(failure) for failure in comparison.failures if failure.is_warning],
            "unread": comparison.unread,
        },
        "undeleted": comparison.undeleted,
        "notSeen": preview.notes,
    }
