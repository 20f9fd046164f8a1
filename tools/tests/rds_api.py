"""Fake RDS in front of moto's, with the express configuration of clusters as observed on AWS.

moto supports neither the option nor the writer instance that AWS creates, and completes changes at once. In this fake,
a change completes after a number of DescribeDBClusters calls, which a test sets, without a wait.
"""

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest import mock
from urllib.parse import parse_qs, urlencode

from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.models import botocore_stubber

from tests.serving import Request, Response, http_server

_NAMESPACE = "http://rds.amazonaws.com/doc/2014-10-31/"
_URL = "https://rds.us-east-1.amazonaws.com/"

Parameters = Mapping[str, str]


class Rds:
    """The RDS API of an account."""

    def __init__(self) -> None:
        self.polls_per_state = 1  # number of DescribeDBClusters calls for which a state lasts
        self.endpoint: tuple[str, int] | None = None  # host and port of all clusters; None: moto's, which do not exist
        self.operations: list[str] = []  # all calls, in order
        self.errors: dict[str, tuple[str, str]] = {}  # operation -> code and message
        self._express: set[str] = set()  # names of the express clusters
        self._status: dict[str, str] = {}  # status of each cluster and instance that is not available
        self._unapplied: set[str] = set()  # clusters whose parameter group takes effect at the next restart
        self._scheduled: list[tuple[int, Callable[[], object]]] = []  # polls to wait for, and the change

    @property
    def changes(self) -> list[str]:
        """The operations that change something."""
        return [operation for operation in self.operations if not operation.startswith("Describe")]

    def answer(self, request: Request) -> Response:
        """Return the response to a call in RDS's query protocol."""
        parameters = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        operation = parameters["Action"]
        self.operations.append(operation)
        if operation in self.errors:
            return _refusal(*self.errors[operation])
        handlers = {
            "CreateDBCluster": self._create_cluster,
            "ModifyDBCluster": self._modify_cluster,
            "DescribeDBClusters": self._clusters,
            "DescribeDBInstances": self._instances,
            "ModifyDBInstance": self._modify_instance,
            "RebootDBInstance": self._reboot,
            "DeleteDBInstance": self._delete_instance,
            "DeleteDBCluster": self._delete_cluster,
            "DeleteDBClusterParameterGroup": self._delete_group,
        }
        return handlers.get(operation, _moto)(parameters)

    def _create_cluster(self, parameters: Parameters) -> Response:
        name = parameters["DBClusterIdentifier"]
        if parameters.get("WithExpressConfiguration") != "true":
            return _moto(parameters)
        if _find(name) is not None:
            return _refusal("DBClusterAlreadyExistsFault", f"DB Cluster {name} already exists")
        defaults = {"MasterUsername": "postgres", "EngineVersion": "17.7", "MasterUserPassword": "unused-password"}
        supported = {key: value for key, value in parameters.items() if key != "WithExpressConfiguration"}
        response = _moto({**defaults, **supported})
        writer = f"{name}-instance-1"
        instance = {
            "DBInstanceIdentifier": writer,
            "DBClusterIdentifier": name,
            "Engine": parameters["Engine"],
            "AutoMinorVersionUpgrade": "true",
        }
        self._express.add(name)
        self._status |= {name: "creating", writer: "creating"}
        # AWS lists the instance only after some time.
        self._schedule(1, lambda: _moto({"Action": "CreateDBInstance", "DBInstanceClass": "db.serverless", **instance}))
        self._schedule(2, lambda: self._status.pop(name, None))
        self._schedule(3, lambda: self._status.pop(writer, None))
        return self._add_state(response)

    def _modify_cluster(self, parameters: Parameters) -> Response:
        name = parameters["DBClusterIdentifier"]
        if name in self._status:
            return _refusal("InvalidDBClusterStateFault", f"DB cluster {name} is not in available state.")

        def change() -> None:
            del self._status[name]
            if "DBClusterParameterGroupName" in parameters:  # AWS reports the pending restart after "available"
                self._schedule(1, lambda: self._unapplied.add(name))
            _moto(parameters)

        # Until the change begins, AWS reports the cluster as available, with its old settings.
        self._schedule(1, lambda: self._status.update({name: "modifying"}))
        self._schedule(2, change)
        return _empty("ModifyDBCluster")

    def _clusters(self, parameters: Parameters) -> Response:
        scheduled, self._scheduled = self._scheduled, []
        for polls, change in scheduled:
            if polls > 0:
                self._scheduled.append((polls - 1, change))
            else:
                change()
        return self._add_state(_moto(parameters))

    def _instances(self, parameters: Parameters) -> Response:
        return self._add_state(_moto(parameters))

    def _modify_instance(self, parameters: Parameters) -> Response:
        writer = parameters["DBInstanceIdentifier"]
        if writer in self._status:
            return _refusal("InvalidDBInstanceState", f"Instance {writer} is not in available state.")
        self._schedule(1, lambda: self._status.update({writer: "modifying"}))
        self._schedule(2, lambda: (_moto(parameters), self._status.pop(writer, None)))
        return _empty("ModifyDBInstance")

    def _reboot(self, parameters: Parameters) -> Response:
        writer = parameters["DBInstanceIdentifier"]
        name = writer.removesuffix("-instance-1")
        if writer in self._status:
            return _refusal("InvalidDBInstanceState", f"Instance {writer} is not in available state.")
        self._schedule(1, lambda: self._status.update({writer: "rebooting"}))
        self._schedule(2, lambda: self._status.pop(writer, None))
        self._schedule(2, lambda: self._unapplied.discard(name))
        return self._add_state(_moto(parameters))

    def _delete_instance(self, parameters: Parameters) -> Response:
        writer = parameters["DBInstanceIdentifier"]
        if self._status.get(writer) in ("creating", "deleting"):
            return _refusal("InvalidDBInstanceState", f"Instance {writer} is {self._status[writer]}.")
        self._status[writer] = "deleting"
        self._schedule(2, lambda: (_moto(parameters), self._status.pop(writer)))
        return _empty("DeleteDBInstance")

    def _delete_cluster(self, parameters: Parameters) -> Response:
        name = parameters["DBClusterIdentifier"]
        cluster = _find(name)
        if cluster is None:
            return _moto(parameters)
        if cluster["DeletionProtection"] == "true":
            return _refusal(
                "InvalidParameterCombination",
                "Cannot delete protected Cluster, please disable deletion protection and try again.",
            )
        members = [member for member in cluster["members"] if self._status.get(member) != "deleting"]
        if members or name in self._status:
            message = "Cluster cannot be deleted, it still contains DB instances in non-deleting state."
            return _refusal("InvalidDBClusterStateFault", message)
        self._status[name] = "deleting"
        self._schedule(4, lambda: (_moto(parameters), self._status.pop(name)))
        return _empty("DeleteDBCluster")

    def _delete_group(self, parameters: Parameters) -> Response:
        name = parameters["DBClusterParameterGroupName"]
        if (cluster := _find(name)) and cluster["DBClusterParameterGroup"] == name:
            message = "One or more database instances are still members of this parameter group"
            return _refusal("InvalidDBParameterGroupState", f"{message} {name}, so the group cannot be deleted.")
        return _moto(parameters)

    def _schedule(self, states: int, change: Callable[[], object]) -> None:
        """Make a change after the time of a number of states."""
        self._scheduled.append((states * self.polls_per_state, change))

    def _add_state(self, response: Response) -> Response:
        """Add the express configuration and the current states to a response of moto."""
        status, headers, body = response
        ET.register_namespace("", _NAMESPACE)
        root = ET.fromstring(body)  # noqa: S314  the XML is moto's
        for cluster in root.iter(_tag("DBCluster")):
            name = _text(cluster, "DBClusterIdentifier")
            if name in self._express:
                _set_text(cluster, "InternetAccessGatewayEnabled", "true")
                _set_text(cluster, "IAMDatabaseAuthenticationEnabled", "true")
                if self.endpoint:
                    _set_text(cluster, "Endpoint", self.endpoint[0])
                    _set_text(cluster, "Port", str(self.endpoint[1]))
            _set_text(cluster, "Status", self._status.get(name, "available"))
            for member in cluster.iter(_tag("DBClusterMember")):
                group_status = "pending-reboot" if name in self._unapplied else "in-sync"
                _set_text(member, "DBClusterParameterGroupStatus", group_status)
        for instance in root.iter(_tag("DBInstance")):
            name = _text(instance, "DBInstanceIdentifier")
            _set_text(instance, "DBInstanceStatus", self._status.get(name, "available"))
        return status, headers, ET.tostring(root)


def _moto(parameters: Parameters) -> Response:
    """Return moto's response to a call."""
    scope = "AWS4-HMAC-SHA256 Credential=id/20261001/us-east-1/rds/aws4_request, SignedHeaders=host, Signature=0"
    headers = HTTPHeaders()
    headers["content-type"], headers["authorization"] = "application/x-www-form-urlencoded", scope
    body = urlencode({"Version": "2014-10-31", **parameters})
    request = AWSPreparedRequest("POST", _URL, headers, body, stream_output=False)
    response = BotocoreStubber.process_request(botocore_stubber, request)
    assert response is not None, "moto does not handle calls of RDS"
    status, _, text = response
    return status, {"content-type": "text/xml"}, text if isinstance(text, bytes) else text.encode()


def _find(name: str) -> dict[str, Any] | None:
    """Return moto's description of a cluster; None if it does not exist."""
    status, _, body = _moto({"Action": "DescribeDBClusters", "DBClusterIdentifier": name})
    cluster = ET.fromstring(body).find(f".//{_tag('DBCluster')}")  # noqa: S314  the XML is moto's
    if status != 200 or cluster is None:
        return None
    members = [_text(member, "DBInstanceIdentifier") for member in cluster.iter(_tag("DBClusterMember"))]
    return {field.tag.partition("}")[2]: field.text or "" for field in cluster} | {"members": members}


def _tag(name: str) -> str:
    return f"{{{_NAMESPACE}}}{name}"


def _text(element: Any, name: str) -> str:
    return element.findtext(_tag(name)) or ""


def _set_text(element: Any, name: str, text: str) -> None:
    child = element.find(_tag(name))
    (ET.SubElement(element, _tag(name)) if child is None else child).text = text


def _refusal(code: str, message: str) -> Response:
    body = f"<ErrorResponse xmlns='{_NAMESPACE}'><Error><Type>Sender</Type><Code>{code}</Code></Error></ErrorResponse>"
    root = ET.fromstring(body)  # noqa: S314  the XML is from this module
    ET.SubElement(root[0], _tag("Message")).text = message
    return 400, {"content-type": "text/xml"}, ET.tostring(root)


def _empty(operation: str) -> Response:
    body = f"<{operation}Response xmlns='{_NAMESPACE}'><{operation}Result/></{operation}Response>"
    return 200, {"content-type": "text/xml"}, body.encode()


@contextmanager
def mock_rds() -> Iterator[Rds]:
    """Answer boto3's calls of RDS in this process; moto answers those of other services."""
    rds = Rds()

    def process(request: AWSPreparedRequest) -> Any:
        if request.url.startswith(_URL):
            return rds.answer(Request("POST", "/", {}, str(request.body).encode()))
        return BotocoreStubber.process_request(botocore_stubber, request)

    with mock.patch.object(botocore_stubber, "process_request", process):
        yield rds


@contextmanager
def serve_rds() -> Iterator[tuple[Rds, str]]:
    """Run an HTTP server with the fake; yield the fake and the URL, for AWS_ENDPOINT_URL_RDS."""
    rds = Rds()
    with http_server(rds.answer) as url:
        yield rds, url
