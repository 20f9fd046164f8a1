"""RDS in front of moto's, to which it adds what an express configuration is, as AWS was seen to answer.

moto has neither the option, nor the writer that AWS makes, nor states that last. Here a state lasts for so many looks
at the clusters as a test says, and takes no time.
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
    """RDS of an account."""

    def __init__(self) -> None:
        self.polls_per_state = 1  # for which a state lasts
        self.endpoint: tuple[str, int] | None = None  # of the clusters; None: a name that nobody can look up
        self.operations: list[str] = []  # operations, in order
        self.errors: dict[str, tuple[str, str]] = {}  # operation -> code and message
        self.throttle_counts: dict[str, int] = {}  # operation -> how many times more
        self.ignored_parameters: set[str] = set()  # parameters of ModifyDBCluster that are taken, and change nothing
        self._express: set[str] = set()
        self._status: dict[str, str] = {}  # of a cluster or an instance that is not simply available
        self._unapplied: set[str] = set()  # clusters whose parameter group waits for a restart
        self._due: list[tuple[int, Callable[[], object]]] = []

    @property
    def changes(self) -> list[str]:
        """The operations that change something."""
        return [each for each in self.operations if not each.startswith("Describe")]

    def finish_changes(self) -> None:
        """Finish all changes that are in progress."""
        due, self._due = self._due, []
        for _, step in due:
            step()

    def answer(self, request: Request) -> Response:
        """Answer a call of RDS' query protocol."""
        given = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        operation = given["Action"]
        self.operations.append(operation)
        if self.throttle_counts.get(operation, 0):
            self.throttle_counts[operation] -= 1
            return _refusal("Throttling", "Rate exceeded")
        if operation in self.errors:
            return _refusal(*self.errors[operation])
        own = {
            "CreateDBCluster": self._create,
            "ModifyDBCluster": self._modify,
            "DescribeDBClusters": self._clusters,
            "DescribeDBInstances": self._instances,
            "ModifyDBInstance": self._modify_instance,
            "RebootDBInstance": self._reboot,
            "DeleteDBInstance": self._delete_instance,
            "DeleteDBCluster": self._delete,
            "DeleteDBClusterParameterGroup": self._delete_group,
        }
        return own.get(operation, _moto)(given)

    def _create(self, given: Parameters) -> Response:
        name = given["DBClusterIdentifier"]
        if given.get("WithExpressConfiguration") != "true":
            return _moto(given)
        if _find(name) is not None:
            return _refusal("DBClusterAlreadyExistsFault", f"DB Cluster {name} already exists")
        beside = {"MasterUsername": "postgres", "EngineVersion": "17.7", "MasterUserPassword": "unused-by-anybody"}
        made = _moto({**beside, **{key: value for key, value in given.items() if key != "WithExpressConfiguration"}})
        writer = f"{name}-instance-1"
        instance = {
            "DBInstanceIdentifier": writer,
            "DBClusterIdentifier": name,
            "Engine": given["Engine"],
            "AutoMinorVersionUpgrade": "true",
        }
        self._express.add(name)
        self._status |= {name: "creating", writer: "creating"}
        # It is not listed at once.
        self._later(1, lambda: _moto({"Action": "CreateDBInstance", "DBInstanceClass": "db.serverless", **instance}))
        self._later(2, lambda: self._status.pop(name, None))
        self._later(3, lambda: self._status.pop(writer, None))
        return self._seen(made)

    def _modify(self, given: Parameters) -> Response:
        name = given["DBClusterIdentifier"]
        if name in self._status:
            return _refusal("InvalidDBClusterStateFault", f"DB cluster {name} is not in available state.")

        def change() -> None:
            del self._status[name]
            if "DBClusterParameterGroupName" in given:  # what it waits for is said later than it is available
                self._later(1, lambda: self._unapplied.add(name))
            if not self.ignored_parameters & given.keys():
                _moto(given)

        # It is called available, with what was, before the change begins.
        self._later(1, lambda: self._status.update({name: "modifying"}))
        self._later(2, change)
        return _empty("ModifyDBCluster")

    def _clusters(self, given: Parameters) -> Response:
        due, self._due = self._due, []
        for looks, step in due:
            if looks > 0:
                self._due.append((looks - 1, step))
            else:
                step()
        return self._seen(_moto(given))

    def _instances(self, given: Parameters) -> Response:
        return self._seen(_moto(given))

    def _modify_instance(self, given: Parameters) -> Response:
        writer = given["DBInstanceIdentifier"]
        if writer in self._status:
            return _refusal("InvalidDBInstanceState", f"Instance {writer} is not in available state.")
        self._later(1, lambda: self._status.update({writer: "modifying"}))
        self._later(2, lambda: (_moto(given), self._status.pop(writer, None)))
        return _empty("ModifyDBInstance")

    def _reboot(self, given: Parameters) -> Response:
        writer = given["DBInstanceIdentifier"]
        name = writer.removesuffix("-instance-1")
        if writer in self._status:
            return _refusal("InvalidDBInstanceState", f"Instance {writer} is not in available state.")
        self._later(1, lambda: self._status.update({writer: "rebooting"}))
        self._later(2, lambda: self._status.pop(writer, None))
        self._later(2, lambda: self._unapplied.discard(name))
        return self._seen(_moto(given))

    def _delete_instance(self, given: Parameters) -> Response:
        writer = given["DBInstanceIdentifier"]
        if self._status.get(writer) in ("creating", "deleting"):
            return _refusal("InvalidDBInstanceState", f"Instance {writer} is {self._status[writer]}.")
        self._status[writer] = "deleting"
        self._later(2, lambda: (_moto(given), self._status.pop(writer)))
        return _empty("DeleteDBInstance")

    def _delete(self, given: Parameters) -> Response:
        name = given["DBClusterIdentifier"]
        found = _find(name)
        if found is None:
            return _moto(given)
        if found["DeletionProtection"] == "true":
            return _refusal(
                "InvalidParameterCombination",
                "Cannot delete protected Cluster, please disable deletion protection and try again.",
            )
        members = [each for each in found["members"] if self._status.get(each) != "deleting"]
        if members or name in self._status:
            said = "Cluster cannot be deleted, it still contains DB instances in non-deleting state."
            return _refusal("InvalidDBClusterStateFault", said)
        self._status[name] = "deleting"
        self._later(4, lambda: (_moto(given), self._status.pop(name)))
        return _empty("DeleteDBCluster")

    def _delete_group(self, given: Parameters) -> Response:
        name = given["DBClusterParameterGroupName"]
        if (found := _find(name)) and found["DBClusterParameterGroup"] == name:
            said = "One or more database instances are still members of this parameter group"
            return _refusal("InvalidDBParameterGroupState", f"{said} {name}, so the group cannot be deleted.")
        return _moto(given)

    def _later(self, states: int, step: Callable[[], object]) -> None:
        """Take a step once so many states have lasted."""
        self._due.append((states * self.polls_per_state, step))

    def _seen(self, response: Response) -> Response:
        """Put into moto's answer what it does not know."""
        status, headers, body = response
        ET.register_namespace("", _NAMESPACE)
        root = ET.fromstring(body)  # noqa: S314  moto's
        for cluster in root.iter(_tag("DBCluster")):
            name = _text(cluster, "DBClusterIdentifier")
            if name in self._express:
                _put(cluster, "InternetAccessGatewayEnabled", "true")
                _put(cluster, "IAMDatabaseAuthenticationEnabled", "true")
                if self.endpoint:
                    _put(cluster, "Endpoint", self.endpoint[0])
                    _put(cluster, "Port", str(self.endpoint[1]))
            _put(cluster, "Status", self._status.get(name, "available"))
            for each in cluster.iter(_tag("DBClusterMember")):
                applied = "pending-reboot" if name in self._unapplied else "in-sync"
                _put(each, "DBClusterParameterGroupStatus", applied)
        for each in root.iter(_tag("DBInstance")):
            name = _text(each, "DBInstanceIdentifier")
            _put(each, "DBInstanceStatus", self._status.get(name, "available"))
        return status, headers, ET.tostring(root)


def _moto(given: Parameters) -> Response:
    """Return moto's response."""
    scope = "AWS4-HMAC-SHA256 Credential=id/20261001/us-east-1/rds/aws4_request, SignedHeaders=host, Signature=0"
    headers = HTTPHeaders()
    headers["content-type"], headers["authorization"] = "application/x-www-form-urlencoded", scope
    body = urlencode({"Version": "2014-10-31", **given})
    request = AWSPreparedRequest("POST", _URL, headers, body, stream_output=False)
    answered = BotocoreStubber.process_request(botocore_stubber, request)
    assert answered is not None, "moto knows no RDS"
    status, _, text = answered
    return status, {"content-type": "text/xml"}, text if isinstance(text, bytes) else text.encode()


def _find(name: str) -> dict[str, Any] | None:
    """Describe a cluster of moto's."""
    status, _, body = _moto({"Action": "DescribeDBClusters", "DBClusterIdentifier": name})
    cluster = ET.fromstring(body).find(f".//{_tag('DBCluster')}")  # noqa: S314  moto's
    if status != 200 or cluster is None:
        return None
    members = [_text(each, "DBInstanceIdentifier") for each in cluster.iter(_tag("DBClusterMember"))]
    return {each.tag.partition("}")[2]: each.text or "" for each in cluster} | {"members": members}


def _tag(name: str) -> str:
    return f"{{{_NAMESPACE}}}{name}"


def _text(element: Any, name: str) -> str:
    return element.findtext(_tag(name)) or ""


def _put(element: Any, name: str, text: str) -> None:
    found = element.find(_tag(name))
    (ET.SubElement(element, _tag(name)) if found is None else found).text = text


def _refusal(code: str, message: str) -> Response:
    body = f"<ErrorResponse xmlns='{_NAMESPACE}'><Error><Type>Sender</Type><Code>{code}</Code></Error></ErrorResponse>"
    root = ET.fromstring(body)  # noqa: S314  ours
    ET.SubElement(root[0], _tag("Message")).text = message
    return 400, {"content-type": "text/xml"}, ET.tostring(root)


def _empty(operation: str) -> Response:
    body = f"<{operation}Response xmlns='{_NAMESPACE}'><{operation}Result/></{operation}Response>"
    return 200, {"content-type": "text/xml"}, body.encode()


@contextmanager
def mock_rds() -> Iterator[Rds]:
    """Answer boto3's calls where moto answers those of the other services, for as long as the context lasts."""
    rds = Rds()

    def process(request: AWSPreparedRequest) -> Any:
        if request.url.startswith(_URL):
            return rds.answer(Request("POST", "/", {}, str(request.body).encode()))
        return BotocoreStubber.process_request(botocore_stubber, request)

    with mock.patch.object(botocore_stubber, "process_request", process):
        yield rds


@contextmanager
def serve_rds() -> Iterator[tuple[Rds, str]]:
    """Listen for as long as the context lasts; give its address, too, for AWS_ENDPOINT_URL_RDS."""
    rds = Rds()
    with http_server(rds.answer) as url:
        yield rds, url
