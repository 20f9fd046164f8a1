"""What the compiled template tells `ponto deploy` of an express cluster."""

from tests.template.compiled import Compile
from tools.deploy import express
from tools.deploy.quotas import demand_of


def test_the_parameters_of_an_express_cluster_reach_the_command_that_makes_it(compiled: Compile) -> None:
    template = compiled("dev", "database=express")
    settings = compiled("dev").properties("DatabaseParameters")["Parameters"]
    assert express.wanted_of(template.document) == express.Wanted(
        owner="ponto",
        capacity={"MinCapacity": 0, "MaxCapacity": 4, "SecondsUntilAutoPause": 300},
        is_protected=False,
        backup_days=1,
        tags={"service": "batida-ponto", "stage": "dev", "whenDeleted": "Delete"},
        log=settings,
    )
    found = demand_of(template.document)
    assert (found.is_express, found.makes_cluster, found.makes_network) == (True, False, False)


def test_a_stage_of_another_database_tells_of_none(compiled: Compile) -> None:
    for stage in ("dev", "prod", "local"):
        assert "Metadata" not in compiled(stage).document
