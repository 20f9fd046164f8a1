"""A fake CloudFormation for change sets. botocore's model of the service validates each request and each answer."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.validate import validate_parameters

from tests.aws import Calls, refusal

_STACK_ARN = "arn:aws:cloudformation:us-east-1:123456789012:stack"
_CHANGE_SET_ARN = "arn:aws:cloudformation:us-east-1:123456789012:changeSet"


class FakeCloudFormation:
    """Stacks with their change sets. CloudFormation's comparison and validation are what a test sets."""

    def __init__(self, calls: Calls) -> None:
        self.stacks: dict[str, dict[str, Any]] = {}  # by name, as in DescribeStacks
        self.templates: dict[str, Any] = {}  # by the stack's name
        self.change_sets: dict[tuple[str, str], dict[str, Any]] = {}  # by the names of stack and change set
        self.requests: list[dict[str, Any]] = []  # of CreateChangeSet
        self.status, self.reason = "CREATE_COMPLETE", ""  # of new change sets
        self.changes: list[dict[str, Any]] = []  # as in DescribeChangeSet
        self.events: list[dict[str, Any]] = []  # as in DescribeEvents
        self.polls_in_creation = 0  # calls of DescribeChangeSet before the creation of a change set ends
        self.after_creation: Callable[[], None] = lambda: None  # called when a change set was created
        self._model = boto3.client("cloudformation", "us-east-1").meta.service_model
        for operation, answer in {
            "CreateChangeSet": self._create_change_set,
            "DeleteChangeSet": self._delete_change_set,
            "DescribeChangeSet": self._describe_change_set,
            "DescribeEvents": self._describe_events,
            "DescribeStacks": self._describe_stacks,
            "GetTemplate": self._get_template,
        }.items():
            calls.stubs[operation] = self._validated(operation, answer)

    def add_stack(self, name: str, status: str = "UPDATE_COMPLETE", template: Any = None, **outputs: str) -> None:
        self.stacks[name] = {
            "StackName": name,
            "StackId": f"{_STACK_ARN}/{name}/1",
            "StackStatus": status,
            "CreationTime": datetime.now(UTC),
            "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
        }
        self.templates[name] = template

    def add_change_set(self, stack: str, name: str, status: str = "CREATE_COMPLETE") -> None:
        self.change_sets[stack, name] = {
            "ChangeSetName": name,
            "ChangeSetId": f"{_CHANGE_SET_ARN}/{name}/1",
            "StackName": stack,
            "Status": status,
        }

    def add_change(self, action: str, logical_id: str, kind: str, *properties: str, **fields: Any) -> None:
        """Add a change of a resource, as in DescribeChangeSet."""
        details = [{"Target": {"Attribute": "Properties", "Name": name}} for name in properties]
        change = {"Action": action, "LogicalResourceId": logical_id, "ResourceType": kind, "Details": details}
        self.changes.append({"Type": "Resource", "ResourceChange": change | fields})

    def _validated(self, operation: str, answer: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
        model = self._model.operation_model(operation)

        def respond(_: object, parameters: dict[str, Any]) -> dict[str, Any]:
            assert model.input_shape
            validate_parameters(parameters, model.input_shape)
            response = answer(parameters)
            if model.output_shape:
                assert response.keys() <= model.output_shape.members.keys()
                validate_parameters(response, model.output_shape)
            if operation == "GetTemplate":  # botocore decodes it
                response["TemplateBody"] = json.loads(response["TemplateBody"])
            return response

        return respond

    def _stack(self, name: str) -> dict[str, Any]:
        for stack in self.stacks.values():
            if name in (stack["StackName"], stack["StackId"]):
                return stack
        raise refusal("ValidationError", f"Stack with id {name} does not exist")

    def _change_set(self, parameters: dict[str, Any]) -> dict[str, Any]:
        stack = self._stack(parameters["StackName"])["StackName"] if "StackName" in parameters else None
        for change_set in self.change_sets.values():
            if parameters["ChangeSetName"] == change_set["ChangeSetId"] or (
                (stack, parameters["ChangeSetName"]) == (change_set["StackName"], change_set["ChangeSetName"])
            ):
                return change_set
        raise refusal("ChangeSetNotFound", f"ChangeSet [{parameters['ChangeSetName']}] does not exist")

    def _create_change_set(self, parameters: dict[str, Any]) -> dict[str, Any]:
        self.requests.append(parameters)
        stack, name = parameters["StackName"], parameters["ChangeSetName"]
        assert parameters["ChangeSetType"] == "UPDATE"
        assert (stack, name) not in self.change_sets
        status = "CREATE_IN_PROGRESS" if self.polls_in_creation else self.status
        self.add_change_set(stack, name, status)
        self.after_creation()
        return {"Id": self.change_sets[stack, name]["ChangeSetId"], "StackId": self._stack(stack)["StackId"]}

    def _describe_change_set(self, parameters: dict[str, Any]) -> dict[str, Any]:
        change_set = self._change_set(parameters)
        if change_set["Status"] == "CREATE_IN_PROGRESS":
            self.polls_in_creation -= 1
            if self.polls_in_creation < 0:
                change_set["Status"] = self.status
        return change_set | {"StatusReason": self.reason, "Changes": self.changes}

    def _describe_events(self, parameters: dict[str, Any]) -> dict[str, Any]:
        assert parameters["ChangeSetName"].startswith("arn:")  # the name alone is refused
        self._change_set(parameters)
        return {"OperationEvents": self.events}

    def _delete_change_set(self, parameters: dict[str, Any]) -> dict[str, Any]:
        change_set = self._change_set(parameters)
        if change_set["Status"] == "CREATE_IN_PROGRESS":
            raise refusal("InvalidChangeSetStatus", "it is being created")
        del self.change_sets[change_set["StackName"], change_set["ChangeSetName"]]
        return {}

    def _describe_stacks(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return {"Stacks": [self._stack(parameters["StackName"])]}

    def _get_template(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return {"TemplateBody": json.dumps(self.templates[self._stack(parameters["StackName"])["StackName"]])}
