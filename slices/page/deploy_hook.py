"""The page's files, which `make run` serves and `ponto deploy` publishes."""

from slices.page import site
from tools.kit.deploy_hook import DeferredResource, DeployedStage, DeployHook, HookResult
from tools.kit.static import LocalFiles

_REASON = (
    "the page is created by a second update, because AWS refuses CloudFront to an account that it has not verified, "
    "and the rollback would remove the whole stack. If AWS refuses, ask its support to verify the account, and deploy "
    "with site: false until then"
)


def _publish(deployed: DeployedStage) -> HookResult:
    from slices.page.publish import publish_stage

    url = publish_stage(deployed.session, deployed.outputs, needs_token=deployed.needs_token)
    return HookResult("pageUrl", url, url and f"page       {url}")


HOOK = DeployHook(
    _publish,
    DeferredResource("SiteDistribution", "site=false", _REASON),
    LocalFiles("page_url", "Punch on this page, which stores the key", site.files),
)
