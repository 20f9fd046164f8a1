"""The slice `page`: files that `make run` serves and `ponto deploy` publishes."""

from typing import TYPE_CHECKING

from slices.definition import Slice

if TYPE_CHECKING:
    from tools.kit.deploy_hook import DeployedStage, DeployHook


class Page(Slice):
    """The page for employees."""

    def deploy_hook(self) -> "DeployHook":
        """Return the hook that publishes the page, with the files for `make run`."""
        from slices.page import site
        from tools.kit.deploy_hook import DeferredResource, DeployHook, HookResult
        from tools.kit.static import LocalFiles

        def publish(deployed: "DeployedStage") -> HookResult:
            from slices.page.publish import publish_stage

            url = publish_stage(deployed.session, deployed.outputs, needs_token=deployed.needs_token)
            return HookResult("pageUrl", url, url and f"page       {url}")

        reason = (
            "the page is created by a second update, because AWS refuses CloudFront to an account that it has not "
            "verified, and the rollback would remove the whole stack. If AWS refuses, ask its support to verify the "
            "account, and deploy with site: false until then"
        )
        distribution = DeferredResource("SiteDistribution", "site=false", reason)
        return DeployHook(
            publish, distribution, LocalFiles("page_url", "Punch on this page, which stores the key", site.files)
        )


SLICE = Page()
