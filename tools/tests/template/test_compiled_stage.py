"""What a deploy reads from the output of `sls package`."""

import pytest

from tests.template.compiled import PackageStage
from tools.kit.errors import CommandError
from tools.operate.deploy import compiled_stage, quotas


def test_deploy_reads_demand_and_protection_from_the_package(package_stage: PackageStage) -> None:
    expected = quotas.Demand(
        {"batida-ponto-prod-batidaPonto": 5, "batida-ponto-prod-read": 2},
        creates_cluster=True,
        maximum_acu=4,
    )
    prod = package_stage("prod")
    assert compiled_stage.read_compiled_stage(prod.folder) == compiled_stage.CompiledStage(
        is_protected=True,
        needs_token=False,
        demand=expected,
        deferred_resources=(compiled_stage.CLUSTER_PROTECTION,),
        notifies_nobody=True,
    )

    dev = compiled_stage.read_compiled_stage(package_stage("dev").folder)
    assert dev == compiled_stage.CompiledStage(False, False, dev.demand)
    # The last of two values takes effect, because a first deploy appends its value.
    repeated = package_stage("prod", "deletionProtection=true", "deletionProtection=false")
    assert compiled_stage.read_compiled_stage(repeated.folder).deferred_resources == ()


def test_invalid_variable_of_the_functions_stops_the_deploy(package_stage: PackageStage) -> None:
    message = "TIME_ZONE: 'America/SaoPaulo' is not a time zone; .* Nothing was deployed"
    with pytest.raises(CommandError, match=message):
        compiled_stage.read_compiled_stage(package_stage("prod", "timeZone=America/SaoPaulo").folder)
