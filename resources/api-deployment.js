// A Deployment is a snapshot: API Gateway publishes changes only with a new Deployment. Its logical id contains a hash of the API's
// definitions (api.yml and the slices'), so that CloudFormation creates a new Deployment for a changed API.
const { createHash } = require('node:crypto');
const { ENDPOINTS, changes, collect } = require('./slices.js');

const PREFLIGHT_LIMIT = 200; // of OPTIONS for each path, which needs no key: requests/s, and the burst

module.exports = async (context) => {
  const { resolveVariable } = context;
  const api = await resolveVariable('file(resources/api.yml):Resources');
  const definitions = [api, await collect(context, 'Resources')].flatMap(Object.entries).filter(([, { Type }]) =>
    /::(RestApi|Resource|Method|Model|RequestValidator|GatewayResponse|Authorizer)$/.test(Type)
  );
  const ids = new Set(definitions.map(([id]) => id));
  const sliceChanges = (await changes(context)).filter(({ id }) => ids.has(id));
  const snapshot = [...definitions, ...sliceChanges];
  const hash = createHash('sha256').update(JSON.stringify(snapshot)).digest('hex').slice(0, 16);
  const deployment = `ApiDeployment${hash}`;
  const limit = (name, kind) =>
    name === 'preflight' ? PREFLIGHT_LIMIT : resolveVariable(`file(resources/parameters.js):${name}${kind}Limit`);
  const methodSettings = [
    ['*', '*', 'stage'],
    // Detailed metrics, so that the alarms count punches only: a 404 of another method may be normal.
    ['POST', '/ponto', 'stage', { MetricsEnabled: true }],
    ['OPTIONS', '/ponto', 'preflight'],
    ...ENDPOINTS.flatMap(({ methods }) => methods).map(({ method, path, throttle }) => [method, path, throttle]),
  ].map(async ([HttpMethod, path, name, extraSettings]) => ({
    HttpMethod,
    ResourcePath: `/${path.replaceAll('/', '~1')}`, // JSON pointer escape of /
    ...extraSettings,
    ThrottlingRateLimit: await limit(name, 'Rate'),
    ThrottlingBurstLimit: await limit(name, 'Burst'),
  }));
  return {
    Resources: {
      [deployment]: {
        Type: 'AWS::ApiGateway::Deployment',
        DependsOn: [...ids].filter((id) => id !== 'Api'),
        Properties: { RestApiId: { Ref: 'Api' } },
      },
      ApiStage: { // the deployed API, with its throttles
        Type: 'AWS::ApiGateway::Stage',
        Metadata: { checkov: { skip: [
          { id: 'CKV_AWS_73', comment: 'the parameter tracing turns X-Ray on; the gateway has no code to trace' },
          { id: 'CKV_AWS_76', comment: 'the parameter accessLogs turns access logs on; the account needs a role for them' },
          { id: 'CKV_AWS_120', comment: 'nothing to cache: responses show the present state' },
        ] } },
        // When sign-in is turned off, the function must change before the gateway. Otherwise punches without a sign-in would
        // reach a function that still requires one, which would dead-letter them. The slice that turns sign-in on declares the
        // opposite order.
        ...((await resolveVariable('file(resources/derived.js):signInRequired, null')) ? {} : { DependsOn: ['BatidaPontoLambdaFunction'] }),
        Properties: {
          RestApiId: { Ref: 'Api' },
          DeploymentId: { Ref: deployment },
          StageName: await resolveVariable('sls:stage'),
          TracingEnabled: await resolveVariable('file(resources/observability.js):tracing'),
          ...(await resolveVariable('file(resources/observability.js):accessLogSetting')),
          MethodSettings: await Promise.all(methodSettings), // settings of a method replace those of */*
        },
      },
    },
  };
};
