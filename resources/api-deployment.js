// A Deployment is a snapshot: API Gateway publishes a change only with a new one. Its logical id is
// therefore derived from all that api.yml and the slices define of it, so that a changed API is a new resource.
const { createHash } = require('node:crypto');
const { ENDPOINTS, changes, together } = require('./slices.js');

module.exports = async (context) => {
  const { resolveVariable } = context;
  const api = await resolveVariable('file(resources/api.yml):Resources');
  const defined = [api, await together(context, 'Resources')].flatMap(Object.entries).filter(([, { Type }]) =>
    /::(RestApi|Resource|Method|Model|RequestValidator|GatewayResponse|Authorizer)$/.test(Type)
  );
  const ids = new Set(defined.map(([id]) => id));
  const changed = (await changes(context)).filter(({ id }) => ids.has(id));
  const published = [...defined, ...changed];
  const hash = createHash('sha256').update(JSON.stringify(published)).digest('hex').slice(0, 16);
  const deployment = `ApiDeployment${hash}`;
  const throttled = [
    ['*', '*', 'stage'],
    // Separate metrics for the alarms: a receipt that is not there yet is a 404, and no trouble.
    ['POST', '/ponto', 'punch', { MetricsEnabled: true }],
    ['OPTIONS', '/ponto', 'preflight'],
    ...ENDPOINTS.flatMap(({ methods }) => methods).map(({ method, path, limit }) => [method, path, limit]),
  ].map(async ([HttpMethod, path, name, more]) => ({
    HttpMethod,
    ResourcePath: `/${path.replaceAll('/', '~1')}`, // a path's own slash
    ...more,
    ThrottlingRateLimit: await resolveVariable(`file(resources/parameters.js):${name}RateLimit`),
    ThrottlingBurstLimit: await resolveVariable(`file(resources/parameters.js):${name}BurstLimit`),
  }));
  return {
    Resources: {
      [deployment]: {
        Type: 'AWS::ApiGateway::Deployment',
        DependsOn: [...ids].filter((id) => id !== 'Api'),
        Properties: { RestApiId: { Ref: 'Api' } },
      },
      ApiStage: {
        Type: 'AWS::ApiGateway::Stage',
        Metadata: { checkov: { skip: [
          { id: 'CKV_AWS_73', comment: 'X-Ray is the parameter tracing: there is no code to trace in the gateway' },
          { id: 'CKV_AWS_76', comment: 'access logs are the parameter accessLogs: an account needs a role for them' },
          { id: 'CKV_AWS_120', comment: 'a punch must be stored, and a receipt is asked for until it is there: nothing to cache' },
        ] } },
        // When sign-in is turned off, the function changes before the gateway: in the other order punches would come
        // without an employee whom the function still asks for, and be dead letters. When it is turned on, the gateway
        // changes first, as the slice that turns it on says.
        ...((await resolveVariable('file(resources/derived.js):identity, null')) ? {} : { DependsOn: ['BatidaPontoLambdaFunction'] }),
        Properties: {
          RestApiId: { Ref: 'Api' },
          DeploymentId: { Ref: deployment },
          StageName: await resolveVariable('sls:stage'),
          TracingEnabled: await resolveVariable('file(resources/observability.js):tracing'),
          ...(await resolveVariable('file(resources/observability.js):accessLogSetting')),
          MethodSettings: await Promise.all(throttled), // what is set for a method counts instead of what is set for all
        },
      },
    },
  };
};
