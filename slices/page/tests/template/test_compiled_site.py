"""What the parameter site adds: the page's closed bucket, and CloudFront before it and the API."""

import copy
import re
from typing import Any

import pytest

from slices.page import publish, site
from slices.page.slice import SLICE
from tests.template.compiled import REQUIRED_SIGN_IN, Compile, Packaged, tls_only
from tools.deploy import command as deploy
from tools.kit.packaging import PackagingError, Template

SITE = {
    "SiteBucket": "AWS::S3::Bucket",
    "SiteBucketPolicy": "AWS::S3::BucketPolicy",
    "SiteAccess": "AWS::CloudFront::OriginAccessControl",
    "SiteHeaders": "AWS::CloudFront::ResponseHeadersPolicy",
    "SiteDistribution": "AWS::CloudFront::Distribution",
}
DOMAIN, CLIENT = "ponto.auth.sa-east-1.amazoncognito.com", "1h57kf5cpq17m0eml12EXAMPLE"
SIGN_IN = (f"userPoolDomain={DOMAIN}", f"userPoolClientId={CLIENT}")
signed_in_by = pytest.mark.parametrize("by", REQUIRED_SIGN_IN)

# Amazon's own, by the ids in its documentation.
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
ALL_VIEWER_EXCEPT_HOST_HEADER = "b689b0a8-53d0-40ab-baf2-68738e2966ac"


@pytest.fixture
def template(compiled: Compile) -> Template:
    """A copy, from which a test takes what it has looked at."""
    return Template(copy.deepcopy(compiled("prod", "site=true").document))


@pytest.fixture
def distribution(template: Template) -> Any:
    return template.properties("SiteDistribution")["DistributionConfig"]


def test_a_site_changes_nothing_else(prod: Template, template: Template) -> None:
    plain, found = copy.deepcopy(prod.document), template.document
    for name, kind in SITE.items():
        assert found["Resources"].pop(name)["Type"] == kind
    for name in ("PageUrl", "SiteBucketName"):
        del found["Outputs"][name]
    for document in (found, plain):
        for resource in document["Resources"].values():
            resource["Properties"].pop("Code", None)  # its key names the time
    assert found == plain


def test_a_deploy_knows_the_pages_address_and_where_its_files_go(template: Template) -> None:
    assert template.outputs["PageUrl"] == {"Value": {"Fn::Sub": "https://${SiteDistribution.DomainName}/"}}
    assert template.outputs["SiteBucketName"] == {"Value": {"Ref": "SiteBucket"}}


def test_the_bucket_is_private_encrypted_and_goes_with_the_stack(template: Template) -> None:
    encryption = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    closed = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    assert template.properties("SiteBucket") == {
        "BucketEncryption": {"ServerSideEncryptionConfiguration": [encryption]},
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "PublicAccessBlockConfiguration": dict.fromkeys(closed, True),
    }
    for name in ("SiteBucket", "SiteBucketPolicy"):
        assert not {"DeletionPolicy", "UpdateReplacePolicy"} & template.resources[name].keys()


def test_the_bucket_is_read_by_this_distribution_only_and_by_tls(template: Template) -> None:
    policy = template.properties("SiteBucketPolicy")
    assert policy["Bucket"] == {"Ref": "SiteBucket"}
    denied, allowed = policy["PolicyDocument"]["Statement"]
    every = {"Fn::Sub": "${SiteBucket.Arn}/*"}
    assert denied == tls_only("s3:*", {"Fn::GetAtt": ["SiteBucket", "Arn"]}, every)
    arn = "arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${SiteDistribution}"
    assert allowed == {
        "Sid": "Site",
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": every,
        "Condition": {"StringEquals": {"AWS:SourceArn": {"Fn::Sub": arn}}},
    }


def test_cloudfront_signs_what_it_asks_the_bucket_for(template: Template, distribution: Any) -> None:
    files, _ = distribution["Origins"]
    assert files == {
        "Id": "files",
        "DomainName": {"Fn::GetAtt": ["SiteBucket", "RegionalDomainName"]},
        "OriginAccessControlId": {"Fn::GetAtt": ["SiteAccess", "Id"]},
        "S3OriginConfig": {"OriginAccessIdentity": ""},
    }
    access = template.properties("SiteAccess")["OriginAccessControlConfig"]
    del access["Name"]
    assert access == {"OriginAccessControlOriginType": "s3", "SigningBehavior": "always", "SigningProtocol": "sigv4"}


@pytest.mark.parametrize("stage", ["prod", "dev"])
def test_the_api_is_on_the_pages_origin_as_its_stage(compiled: Compile, stage: str) -> None:
    template = compiled(stage, "site=true")
    _, api = template.properties("SiteDistribution")["DistributionConfig"]["Origins"]
    assert api == {
        "Id": "api",
        "DomainName": {"Fn::Sub": "${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}"},
        "OriginPath": f"/{stage}",
        "CustomOriginConfig": {"OriginProtocolPolicy": "https-only", "OriginSSLProtocols": ["TLSv1.2"]},
    }
    whole = f"https://{api['DomainName']['Fn::Sub']}{api['OriginPath']}/ponto"
    assert template.outputs["ApiUrl"] == {"Value": {"Fn::Sub": whole}}


def test_every_path_of_the_api_is_passed_on_with_all_that_a_client_sends_and_cached_never(distribution: Any) -> None:
    behaviors = distribution["CacheBehaviors"]
    assert [behavior.pop("PathPattern") for behavior in behaviors] == ["/ponto", "/ponto/*"]  # not /correcao
    for behavior in behaviors:
        assert set(behavior.pop("AllowedMethods")) >= {"GET", "POST", "OPTIONS"}
        assert behavior == {
            "TargetOriginId": "api",
            "ViewerProtocolPolicy": "https-only",
            "CachePolicyId": CACHING_DISABLED,
            "OriginRequestPolicyId": ALL_VIEWER_EXCEPT_HOST_HEADER,
        }
    assert not [name for name in site.files() if name.startswith("ponto")]


def test_no_answer_is_replaced_and_no_error_kept(distribution: Any) -> None:
    kept = distribution["CustomErrorResponses"]
    assert {found["ErrorCode"] for found in kept} == {400, 403, 404, 405, 414, 500, 501, 502, 503, 504}
    assert all(found == {"ErrorCode": found["ErrorCode"], "ErrorCachingMinTTL": 0} for found in kept)


def test_files_are_read_by_tls_and_asked_for_anew(distribution: Any) -> None:
    assert distribution["DefaultCacheBehavior"] == {
        "TargetOriginId": "files",
        "ViewerProtocolPolicy": "redirect-to-https",
        "AllowedMethods": ["GET", "HEAD"],
        "CachePolicyId": CACHING_OPTIMIZED,
        "Compress": True,
        "ResponseHeadersPolicyId": {"Ref": "SiteHeaders"},
    }
    assert distribution["DefaultRootObject"] == publish.INDEX


def test_files_have_the_headers_that_they_have_locally_and_come_by_tls_from_then_on(template: Template) -> None:
    policy = template.properties("SiteHeaders")["ResponseHeadersPolicyConfig"]
    security = policy["SecurityHeadersConfig"]
    assert security.pop("StrictTransportSecurity")["AccessControlMaxAgeSec"] >= 365 * 86_400
    customs = policy["CustomHeadersConfig"]["Items"]
    assert all(found.pop("Override") is True for found in [*security.values(), *customs])
    sent = {
        "content-security-policy": security.pop("ContentSecurityPolicy")["ContentSecurityPolicy"],
        "referrer-policy": security.pop("ReferrerPolicy")["ReferrerPolicy"],
        "x-content-type-options": "nosniff" if security.pop("ContentTypeOptions") == {} else None,
        **{found["Header"]: found["Value"] for found in customs},
    }
    assert security == {}
    assert sent == {name: value for name, value in site.HEADERS.items() if name != "cache-control"}  # the objects' own


@signed_in_by
def test_where_employees_sign_in_changes_the_pages_policy_and_what_the_deploy_is_told(
    compiled: Compile, template: Template, by: str
) -> None:
    signed_in = copy.deepcopy(compiled("prod", "site=true", by, *SIGN_IN).document)
    told = {name: signed_in["Outputs"].pop(name) for name in ("PageSignInDomain", "PageSignInClientId")}
    assert told == {"PageSignInDomain": {"Value": DOMAIN}, "PageSignInClientId": {"Value": CLIENT}}
    assert signed_in["Outputs"].items() <= template.outputs.items()
    for document, sign_in in ((signed_in, site.SignIn.at(DOMAIN, CLIENT)), (template.document, None)):
        policy = document["Resources"]["SiteHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]
        found = policy["SecurityHeadersConfig"]["ContentSecurityPolicy"].pop("ContentSecurityPolicy")
        files = site.files(sign_in=sign_in).values()
        assert {found} == {file.headers["content-security-policy"] for file in files}
        assert (f"connect-src 'self' https://{DOMAIN}; " in found) == (sign_in is not None)
    for name in SITE:
        assert signed_in["Resources"][name] == template.resources[name]


def test_what_is_named_for_a_whole_account_names_stage_and_region(template: Template) -> None:
    name = {"Fn::Sub": "${AWS::StackName}-${AWS::Region}"}
    assert template.properties("SiteAccess")["OriginAccessControlConfig"]["Name"] == name
    assert template.properties("SiteHeaders")["ResponseHeadersPolicyConfig"]["Name"] == name


def test_a_first_clusters_first_update_is_without_it(packaged: Packaged) -> None:
    protection, later = deploy.read(packaged("prod", "site=true").folder, [SLICE.deploy_hook()]).later
    assert later.parameter == "site=false"
    assert "AWS refuses CloudFront to an account that it has not verified" in later.reason
    assert deploy.read(packaged("prod").folder, [SLICE.deploy_hook()]).later == (protection,)


def test_where_employees_sign_in_is_said_only_where_they_do(compiled: Compile) -> None:
    with pytest.raises(PackagingError, match="userPoolDomain and userPoolClientId go together, and with "):
        compiled("dev", *SIGN_IN)


@signed_in_by
@pytest.mark.parametrize(
    ("place", "message"),
    [
        (("userPoolDomain=a.example; script-src *", SIGN_IN[1]), "is not a host in small letters, like ponto"),
        ((SIGN_IN[0], "userPoolClientId=a b"), "userPoolClientId: 'a b' is not the id of an app client"),
    ],
)
def test_where_employees_sign_in_is_a_host_and_a_client(
    compiled: Compile, by: str, place: tuple[str, str], message: str
) -> None:
    with pytest.raises(PackagingError, match=re.escape(message)):
        compiled("dev", by, *place)
