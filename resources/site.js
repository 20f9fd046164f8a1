// The page for employees (web/) on AWS, where the parameter site is true: a bucket, and before it CloudFront, which has
// the API on the page's own origin too (docs/page.md). `ponto deploy` puts the files into the bucket.
const { PRIVATE, policyOf } = require('./private-bucket.js');
const headers = require('./page-headers.json'); // which `make run` sends, too: tools/kit/site.py
const stop = require('./stop.js');

// AWS's own policies, of the same id in every account:
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html
const CACHING_OPTIMIZED = '658327ea-f89d-4fab-a63d-7e88639e58f6'; // no-cache: asks the bucket again after 1 s; compresses
const CACHING_DISABLED = '4135ea2d-6df8-44a3-9df3-4b5a84be39ad';
const ALL_VIEWER_EXCEPT_HOST_HEADER = 'b689b0a8-53d0-40ab-baf2-68738e2966ac'; // x-api-key goes along; by Host the gateway knows itself

// That CloudFront would keep for 10 s otherwise, whoever asks, with caching off too: a receipt that is there by now would
// stay a 404. No page replaces an answer.
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html
const ERRORS = [400, 403, 404, 405, 414, 500, 501, 502, 503, 504];

const TLS_YEARS = 2; // that a browser remembers to come by TLS only

/** A header as CloudFront's SecurityHeadersConfig has it; the others it takes as they are. */
const SECURITY = {
  'content-security-policy': (value) => ({ ContentSecurityPolicy: { ContentSecurityPolicy: value, Override: true } }),
  'x-content-type-options': () => ({ ContentTypeOptions: { Override: true } }), // nosniff is the only value
  'referrer-policy': (value) => ({ ReferrerPolicy: { ReferrerPolicy: value, Override: true } }),
};

/** The policy lets the page ask its own origin, and the user pool for tokens where there is one. */
const policyWith = (signIn) => {
  const policy = headers['content-security-policy'];
  return signIn ? policy.replace("connect-src 'self'", `connect-src 'self' https://${signIn.domain}`) : policy;
};

const responseHeaders = (signIn) => {
  const { 'cache-control': _, ...sent } = headers; // each object of the bucket has that one itself
  const entries = Object.entries({ ...sent, 'content-security-policy': policyWith(signIn) });
  return {
    SecurityHeadersConfig: {
      StrictTransportSecurity: { AccessControlMaxAgeSec: TLS_YEARS * 365 * 86400, IncludeSubdomains: true, Override: true },
      ...Object.assign({}, ...entries.filter(([name]) => SECURITY[name]).map(([name, value]) => SECURITY[name](value))),
    },
    CustomHeadersConfig: {
      Items: entries
        .filter(([name]) => !SECURITY[name])
        .map(([Header, Value]) => ({ Header, Value, Override: true })),
    },
  };
};

const NAME = { 'Fn::Sub': '${AWS::StackName}-${AWS::Region}' }; // CloudFront is one for all regions of an account

const api = (PathPattern) => ({
  PathPattern,
  TargetOriginId: 'api',
  ViewerProtocolPolicy: 'https-only', // who is only redirected has sent the key already
  AllowedMethods: ['GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'POST', 'DELETE'], // with POST CloudFront knows all or none
  CachePolicyId: CACHING_DISABLED,
  OriginRequestPolicyId: ALL_VIEWER_EXCEPT_HOST_HEADER,
});

const resources = (stage, signIn) => ({
  SiteBucket: {
    Type: 'AWS::S3::Bucket',
    Properties: PRIVATE, // without versions: the files are git's, and an earlier page is an earlier deploy
  },
  SiteBucketPolicy: policyOf('SiteBucket', {
    Sid: 'Site',
    Effect: 'Allow',
    Principal: { Service: 'cloudfront.amazonaws.com' },
    Action: 's3:GetObject',
    Resource: { 'Fn::Sub': '${SiteBucket.Arn}/*' },
    Condition: {
      StringEquals: {
        'AWS:SourceArn': {
          'Fn::Sub': 'arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${SiteDistribution}',
        },
      },
    },
  }),
  SiteAccess: {
    Type: 'AWS::CloudFront::OriginAccessControl',
    Properties: {
      OriginAccessControlConfig: {
        Name: NAME, OriginAccessControlOriginType: 's3', SigningBehavior: 'always', SigningProtocol: 'sigv4',
      },
    },
  },
  SiteHeaders: {
    Type: 'AWS::CloudFront::ResponseHeadersPolicy',
    Properties: { ResponseHeadersPolicyConfig: { Name: NAME, ...responseHeaders(signIn) } },
  },
  SiteDistribution: {
    Type: 'AWS::CloudFront::Distribution',
    Properties: {
      DistributionConfig: {
        Comment: NAME,
        Enabled: true,
        HttpVersion: 'http2and3',
        IPV6Enabled: true,
        DefaultRootObject: 'index.html',
        Origins: [
          {
            Id: 'files',
            DomainName: { 'Fn::GetAtt': ['SiteBucket', 'RegionalDomainName'] },
            OriginAccessControlId: { 'Fn::GetAtt': ['SiteAccess', 'Id'] },
            S3OriginConfig: { OriginAccessIdentity: '' }, // the older way in, which this says there is none of
          },
          {
            Id: 'api',
            DomainName: { 'Fn::Sub': '${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}' },
            OriginPath: `/${stage}`,
            CustomOriginConfig: { OriginProtocolPolicy: 'https-only', OriginSSLProtocols: ['TLSv1.2'] },
          },
        ],
        DefaultCacheBehavior: {
          TargetOriginId: 'files',
          ViewerProtocolPolicy: 'redirect-to-https',
          AllowedMethods: ['GET', 'HEAD'],
          CachePolicyId: CACHING_OPTIMIZED,
          Compress: true,
          ResponseHeadersPolicyId: { Ref: 'SiteHeaders' },
        },
        CacheBehaviors: [api('/ponto'), api('/ponto/*')],
        CustomErrorResponses: ERRORS.map((ErrorCode) => ({ ErrorCode, ErrorCachingMinTTL: 0 })),
        ViewerCertificate: { CloudFrontDefaultCertificate: true },
      },
    },
  },
});

const HOST = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/; // it goes into the policy
const CLIENT = /^[A-Za-z0-9_+]{1,128}$/;

/** Where the page signs employees in: a user pool's domain and an app client; null: nowhere. */
async function signInOf(resolveVariable) {
  const [pool, domain, client] = await Promise.all(
    ['userPoolArn', 'userPoolDomain', 'userPoolClientId'].map(async (name) => String(await resolveVariable(`param:${name}`)))
  );
  if (!domain && !client) return null;
  if (!pool || !domain || !client) stop('userPoolDomain and userPoolClientId go together, and with userPoolArn.');
  if (!HOST.test(domain)) {
    stop(`userPoolDomain: '${domain}' is not a host in small letters, like ponto.auth.us-east-1.amazoncognito.com.`);
  }
  if (!CLIENT.test(client)) stop(`userPoolClientId: '${client}' is not the id of an app client.`);
  return { domain, client };
}

module.exports = async ({ resolveVariable }) => {
  const signIn = await signInOf(resolveVariable);
  const site = String(await resolveVariable('param:site')); // --param gives texts
  if (!['true', 'false'].includes(site)) stop(`site: '${site}' is not one of true, false.`);
  if (site === 'false') return {};
  return {
    Resources: resources(await resolveVariable('sls:stage'), signIn),
    Outputs: {
      PageUrl: { Value: { 'Fn::Sub': 'https://${SiteDistribution.DomainName}/' } },
      SiteBucketName: { Value: { Ref: 'SiteBucket' } },
      ...(signIn && { PageSignInDomain: { Value: signIn.domain }, PageSignInClientId: { Value: signIn.client } }),
    },
  };
};
