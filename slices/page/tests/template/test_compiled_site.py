"""Resources of the parameter site: the page's private bucket, and CloudFront in front of it and of the API."""

import copy
from typing import Any

import pytest

from slices.page import publish, site
from slices.page.deploy_hook import HOOK
from tests.template.compiled import SIGN_IN_PARAMETERS, CompileStage, PackageStage
from tools.kit.packaging import Template
from tools.kit.slice_manifests import endpoints
from tools.operate.deploy import compiled_stage

SITE = {
    "SiteBucket": "AWS::S3::Bucket",
    "SiteBucketPolicy": "AWS::S3::BucketPolicy",
    "SiteAccess": "AWS::CloudFront::OriginAccessControl",
    "SiteHeaders": "AWS::CloudFront::ResponseHeadersPolicy",
    "SiteDistribution": "AWS::CloudFront::Distribution",
}
DOMAIN, CLIENT = "ponto.auth.sa-east-1.amazoncognito.com", "1h57kf5cpq17m0eml12EXAMPLE"
SIGN_IN = (f"userPoolDomain={DOMAIN}", f"userPoolClientId={CLIENT}")
with_each_sign_in = pytest.mark.parametrize("sign_in_parameter", SIGN_IN_PARAMETERS)

# Ids of AWS managed policies.
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_VIEWER_EXCEPT_HOST_HEADER = "b689b0a8-53d0-40ab-baf2-68738e2966ac"


@pytest.fixture
def template(compile_stage: CompileStage) -> Template:
    """A copy that a test may change."""
    return Template(copy.deepcopy(compile_stage("prod", "site=true").document))


@pytest.fixture
def distribution(template: Template) -> Any:
    return template.properties("SiteDistribution")["DistributionConfig"]


def test_a_site_changes_nothing_else(prod: Template, template: Template) -> None:
    without_site, with_site = copy.deepcopy(prod.document), template.document
    for name, resource_type in SITE.items():
        assert with_site["Resources"].pop(name)["Type"] == resource_type
    for name in ("PageUrl", "SiteBucketName"):
        del with_site["Outputs"][name]
    for document in (with_site, without_site):
        for resource in document["Resources"].values():
            resource["Properties"].pop("Code", None)  # its key contains the time
    assert with_site == without_site


def test_the_bucket_is_private_and_is_deleted_with_the_stack(template: Template) -> None:
    settings = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    assert template.properties("SiteBucket")["PublicAccessBlockConfiguration"] == dict.fromkeys(settings, True)
    for name in ("SiteBucket", "SiteBucketPolicy"):
        assert not {"DeletionPolicy", "UpdateReplacePolicy"} & template.resources[name].keys()


def test_the_bucket_is_read_by_this_distribution_only_and_by_tls(template: Template) -> None:
    policy = template.properties("SiteBucketPolicy")
    assert policy["Bucket"] == {"Ref": "SiteBucket"}
    denied, allowed = policy["PolicyDocument"]["Statement"]
    objects = {"Fn::Sub": "${SiteBucket.Arn}/*"}
    assert denied.items() >= {"Effect": "Deny", "Principal": "*", "Action": "s3:*"}.items()
    assert denied["Resource"] == [{"Fn::GetAtt": ["SiteBucket", "Arn"]}, objects]
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": False}}
    arn = "arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${SiteDistribution}"
    assert allowed == {
        "Sid": "Site",
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": objects,
        "Condition": {"StringEquals": {"AWS:SourceArn": {"Fn::Sub": arn}}},
    }


@pytest.mark.parametrize("stage", ["prod", "dev"])
def test_the_api_is_on_the_pages_origin_as_its_stage(compile_stage: CompileStage, stage: str) -> None:
    template = compile_stage(stage, "site=true")
    files, api = template.properties("SiteDistribution")["DistributionConfig"]["Origins"]
    assert files["OriginAccessControlId"] == {"Fn::GetAtt": ["SiteAccess", "Id"]}
    assert api["CustomOriginConfig"] == {"OriginProtocolPolicy": "https-only", "OriginSSLProtocols": ["TLSv1.2"]}
    api_url = f"https://{api['DomainName']['Fn::Sub']}{api['OriginPath']}/ponto"
    assert template.outputs["ApiUrl"] == {"Value": {"Fn::Sub": api_url}}


def test_requests_to_the_api_are_forwarded_completely_and_never_cached(distribution: Any) -> None:
    behaviors = distribution["CacheBehaviors"]
    # Corrections cannot be reached through the page's origin, nor anything else that is not for users.
    declared = [entry for _, entry in endpoints() if entry.get("callers") == "users"]
    paths = {value.replace("{id}", "*") for entry in declared for value in map(str, entry.values()) if value[0] == "/"}
    event, receipts, *others = [behavior.pop("PathPattern") for behavior in behaviors]
    assert (event, receipts) == ("/ponto", "/ponto/*")
    assert set(others) == {path for path in paths if not path.startswith("/ponto")}
    for behavior in behaviors:
        assert set(behavior.pop("AllowedMethods")) >= {"GET", "POST", "OPTIONS"}
        assert behavior == {
            "TargetOriginId": "api",
            "ViewerProtocolPolicy": "https-only",
            "CachePolicyId": CACHING_DISABLED,
            "OriginRequestPolicyId": ALL_VIEWER_EXCEPT_HOST_HEADER,
        }
    assert not [name for name in site.files() if name.startswith("ponto")]


def test_files_have_the_same_headers_as_locally_and_require_tls(template: Template, distribution: Any) -> None:
    assert distribution["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "redirect-to-https"
    assert distribution["DefaultRootObject"] == publish.INDEX
    policy = template.properties("SiteHeaders")["ResponseHeadersPolicyConfig"]
    security = policy["SecurityHeadersConfig"]
    assert security.pop("StrictTransportSecurity")["AccessControlMaxAgeSec"] >= 365 * 86_400
    custom_headers = policy["CustomHeadersConfig"]["Items"]
    assert all(header.pop("Override") is True for header in [*security.values(), *custom_headers])
    sent = {
        "content-security-policy": security.pop("ContentSecurityPolicy")["ContentSecurityPolicy"],
        "referrer-policy": security.pop("ReferrerPolicy")["ReferrerPolicy"],
        "x-content-type-options": "nosniff" if security.pop("ContentTypeOptions") == {} else None,
        **{header["Header"]: header["Value"] for header in custom_headers},
    }
    assert security == {}
    # cache-control is set on each object of the bucket.
    assert sent == {name: value for name, value in site.HEADERS.items() if name != "cache-control"}


@with_each_sign_in
def test_a_sign_in_changes_the_pages_policy_and_adds_outputs(
    compile_stage: CompileStage, template: Template, sign_in_parameter: str
) -> None:
    with_sign_in = copy.deepcopy(compile_stage("prod", "site=true", sign_in_parameter, *SIGN_IN).document)
    outputs = {name: with_sign_in["Outputs"].pop(name) for name in ("PageSignInDomain", "PageSignInClientId")}
    assert outputs == {"PageSignInDomain": {"Value": DOMAIN}, "PageSignInClientId": {"Value": CLIENT}}
    assert with_sign_in["Outputs"].items() <= template.outputs.items()
    for document, sign_in in ((with_sign_in, site.SignIn.from_domain(DOMAIN, CLIENT)), (template.document, None)):
        policy = document["Resources"]["SiteHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]
        content_policy = policy["SecurityHeadersConfig"]["ContentSecurityPolicy"].pop("ContentSecurityPolicy")
        files = site.files(sign_in=sign_in).values()
        assert {content_policy} == {file.headers["content-security-policy"] for file in files}
        assert (f"connect-src 'self' https://{DOMAIN}; " in content_policy) == (sign_in is not None)
    for name in SITE:
        assert with_sign_in["Resources"][name] == template.resources[name]


def test_the_first_deploy_creates_the_page_by_a_second_update(package_stage: PackageStage) -> None:
    protection, page = compiled_stage.read_compiled_stage(
        package_stage("prod", "site=true").folder, [HOOK]
    ).deferred_resources
    assert page.parameter == "site=false"
    assert "AWS refuses CloudFront to an account that it has not verified" in page.reason
    assert compiled_stage.read_compiled_stage(package_stage("prod").folder, [HOOK]).deferred_resources == (protection,)
