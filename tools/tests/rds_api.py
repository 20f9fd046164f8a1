"""Moto's RDS with express clusters, as observed on AWS: moto lacks them, and completes changes at once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from moto.rds import models
from moto.rds.responses import RDSResponse


class _Cluster(models.DBCluster):
    """A cluster whose writer applies a new parameter group when it restarts."""

    group_status = "in-sync"

    @property
    def db_cluster_members(self) -> list[dict[str, Any]]:
        return [member | {"DBClusterParameterGroupStatus": self.group_status} for member in super().db_cluster_members]


class Rds(models.RDSBackend):
    """The RDS of an account and region. Each call of DescribeDBClusters takes the changes one step further."""

    def __init__(self) -> None:
        super().__init__("us-east-1", "123456789012")
        self.is_immediate = False  # whether changes are complete at the next call of DescribeDBClusters
        self._steps: list[Callable[[], object]] = []

    def create_db_cluster(self, kwargs: Any) -> Any:
        is_express = kwargs.pop("with_express_configuration", False)
        kwargs.update(engine_version="17.7", master_user_password="unused-password")
        cluster: Any = super().create_db_cluster(kwargs)
        if is_express:
            cluster.internet_access_gateway_enabled = cluster.iam_auth = True
            identifiers = {"db_cluster_identifier": cluster.resource_id, "engine": cluster.engine}
            writer = {
                "db_instance_identifier": f"{cluster.resource_id}-instance-1",
                "db_instance_class": "db.serverless",
            }
            self._change(lambda: self.create_db_instance(identifiers | writer))
        return cluster

    def modify_db_cluster(self, kwargs: Any) -> Any:
        cluster: Any = self.clusters[kwargs["db_cluster_identifier"]]
        modify = super().modify_db_cluster
        self._change(lambda: modify(kwargs))
        if "db_cluster_parameter_group_name" in kwargs:  # AWS reports the pending restart later
            self._change(lambda: setattr(cluster, "group_status", "pending-reboot"))
        return cluster

    def reboot_db_instance(self, db_instance_identifier: str) -> Any:
        writer: Any = self.databases[db_instance_identifier]
        self._change(lambda: setattr(writer.cluster, "group_status", "in-sync"))
        return writer

    def describe_db_clusters(self, db_cluster_identifier: str | None = None, filters: Any = None) -> Any:
        steps = self._steps[: None if self.is_immediate else 1]
        del self._steps[: len(steps)]
        for step in steps:
            step()
        return super().describe_db_clusters(db_cluster_identifier, filters)

    def _change(self, change: Callable[[], object]) -> None:
        """Make a change after the old state was reported once more."""
        self._steps += [lambda: None, change]


@contextmanager
def mock_rds() -> Iterator[Rds]:
    """Answer moto's calls of RDS with express clusters."""
    rds = Rds()
    with mock.patch.object(RDSResponse, "backend", rds), mock.patch.object(models, "DBCluster", _Cluster):
        yield rds
