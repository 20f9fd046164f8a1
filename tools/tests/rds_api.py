"""Moto's RDS with express clusters, as RDS's API describes them: moto lacks them."""

from collections.abc import Iterator
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
    """The RDS of an account and region."""

    def __init__(self) -> None:
        super().__init__("us-east-1", "123456789012")

    def create_db_cluster(self, kwargs: Any) -> Any:
        is_express = kwargs.pop("with_express_configuration", False)
        kwargs.update(engine_version="17.7", master_user_password="unused-password")
        cluster: Any = super().create_db_cluster(kwargs)
        if is_express:
            cluster.internet_access_gateway_enabled = cluster.iam_auth = True
            name = cluster.resource_id
            writer = {"db_instance_identifier": f"{name}-instance-1", "db_instance_class": "db.serverless"}
            self.create_db_instance(writer | {"db_cluster_identifier": name, "engine": cluster.engine})
        return cluster

    def modify_db_cluster(self, kwargs: Any) -> Any:
        if "db_cluster_parameter_group_name" in kwargs:
            cluster: Any = self.clusters[kwargs["db_cluster_identifier"]]
            cluster.group_status = "pending-reboot"
        return super().modify_db_cluster(kwargs)

    def reboot_db_instance(self, db_instance_identifier: str) -> Any:
        writer: Any = self.databases[db_instance_identifier]
        writer.cluster.group_status = "in-sync"
        return writer


@contextmanager
def mock_rds() -> Iterator[Rds]:
    """Answer moto's calls of RDS with express clusters."""
    rds = Rds()
    with mock.patch.object(RDSResponse, "backend", rds), mock.patch.object(models, "DBCluster", _Cluster):
        yield rds
