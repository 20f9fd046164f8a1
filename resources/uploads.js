// Files of punches: a bucket, and the function that it invokes, where the parameter uploads is true (docs/imports.md).
//
// The order is permission, bucket, policy: S3 makes no notification to a function that it may not invoke yet, so the
// permission names the account and not the bucket, and what the function may do with the bucket is a policy of its own,
// attached to the role, instead of a part of it. Otherwise each would wait for the other.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-s3-bucket-notificationconfiguration.html
const { PRIVATE, policyOf } = require('./private-bucket.js');
const stop = require('./stop.js');

const DAYS = 90; // that files and results are kept: longer than the 14 that a dead letter, which names a file, lives
const REPLACED_DAYS = 30; // and a version that was replaced or deleted

const arn = (name) => ({ 'Fn::GetAtt': [name, 'Arn'] });
const within = (folder) => ({ 'Fn::Sub': `\${UploadBucket.Arn}/${folder}/*` });
const allow = (Action, Resource) => ({ Effect: 'Allow', Action, Resource });
const policy = (...Statement) => ({ Version: '2012-10-17', Statement });

const importacao = (identity) => ({
  handler: 'handler.imported',
  description: 'Sends the punches of files to the queue',
  role: 'ImportacaoRole',
  vpc: false, // it needs no database, and a private network has no way to S3 or Lambda
  environment: { QUEUE_URL: { Ref: 'PunchQueue' }, ...identity },
  memorySize: 1769, // MB, which is one processor; of the memory it uses a tenth
  timeout: 900, // s, Lambda's most; then it hands on
  reservedConcurrency: 2, // files at once: others wait
  onError: arn('DeadLetterQueue'),
  maximumRetryAttempts: 2,
  maximumEventAge: 21600, // s, Lambda's most
  recursiveLoop: 'Allow', // it invokes itself to go on; ponto/imports.py bounds that
});

const bucket = (kept) => ({
  Type: 'AWS::S3::Bucket',
  DependsOn: 'UploadPermission',
  ...kept,
  Properties: {
    ...PRIVATE,
    VersioningConfiguration: { Status: 'Enabled' },
    LifecycleConfiguration: {
      Rules: [
        {
          Id: 'old',
          Status: 'Enabled',
          ExpirationInDays: DAYS,
          NoncurrentVersionExpiration: { NoncurrentDays: REPLACED_DAYS },
          AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
        },
        { Id: 'deleted', Status: 'Enabled', ExpiredObjectDeleteMarker: true },
      ],
    },
    NotificationConfiguration: {
      LambdaConfigurations: [
        {
          Event: 's3:ObjectCreated:*',
          Function: arn('ImportacaoLambdaFunction'),
          Filter: { S3Key: { Rules: [{ Name: 'prefix', Value: 'incoming/' }] } }, // results are beside: no circle
        },
      ],
    },
  },
});

const resources = (context) => ({
  UploadPermission: {
    Type: 'AWS::Lambda::Permission',
    Properties: {
      Action: 'lambda:InvokeFunction',
      FunctionName: { Ref: 'ImportacaoLambdaFunction' },
      Principal: 's3.amazonaws.com',
      SourceAccount: { Ref: 'AWS::AccountId' }, // of whatever bucket: of others than this one it may read nothing
    },
  },
  UploadBucket: bucket(context.kept),
  UploadBucketPolicy: { ...policyOf('UploadBucket'), ...context.kept }, // a bucket that stays is no more open than before
  ImportacaoRole: {
    Type: 'AWS::IAM::Role',
    Properties: {
      PermissionsBoundary: context.permissionsBoundary,
      AssumeRolePolicyDocument: policy({
        Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole',
      }),
      ManagedPolicyArns: [context.tracingPolicy],
      Policies: [
        {
          PolicyName: 'send',
          PolicyDocument: policy(
            allow('sqs:SendMessage', arn('PunchQueue')),
            allow('sqs:SendMessage', arn('DeadLetterQueue')),
            allow(['logs:CreateLogStream', 'logs:PutLogEvents'], arn('ImportacaoLogGroup'))
          ),
        },
      ],
    },
  },
  UploadPolicy: {
    Type: 'AWS::IAM::ManagedPolicy',
    Properties: {
      Description: 'Files, their results, and going on with a file',
      Roles: [{ Ref: 'ImportacaoRole' }],
      PolicyDocument: policy(
        allow(['s3:GetObject', 's3:GetObjectVersion'], within('incoming')),
        allow('s3:PutObject', within('results')),
        allow('lambda:InvokeFunction', arn('ImportacaoLambdaFunction'))
      ),
    },
  },
});

module.exports = async ({ resolveVariable }) => {
  const uploads = String(await resolveVariable('param:uploads')); // --param gives texts
  if (!['true', 'false'].includes(uploads)) stop(`uploads: '${uploads}' is not one of true, false.`);
  const senders = ['ApiRole', 'OperatorRole'].map(arn);
  if (uploads === 'false') return { isOn: false, senders, template: {} };

  const identity = (await resolveVariable('param:userPoolArn')) ? { IDENTITY: 'required' } : {};
  const derived = (name) => resolveVariable(`file(resources/derived.js):${name}`);
  return {
    isOn: true,
    senders: [...senders, arn('ImportacaoRole')],
    function: importacao(identity),
    template: {
      Resources: resources({
        kept: { DeletionPolicy: await derived('deletion'), UpdateReplacePolicy: await derived('replacement') },
        permissionsBoundary: await derived('permissionsBoundary'),
        tracingPolicy: await resolveVariable('file(resources/observability.js):tracingPolicy'),
      }),
      Outputs: { UploadBucketName: { Value: { Ref: 'UploadBucket' } } },
    },
  };
};
