/* Policies to begin with. Each is complete and harmless until it is saved; names are put in by who calls. */

export interface Template {
  id: string
  label: string
  make: (bucket: string) => unknown
}

const policy = (...Statement: unknown[]) => ({ Version: '2012-10-17', Statement })
const arn = (bucket: string, rest = '') => `arn:aws:s3:::${bucket}${rest}`

/** Of buckets. The second is that of the zoned batch lake (pipeline 3), which anonymous functions write to. */
export const bucketTemplates: Template[] = [
  {
    id: 'public-read',
    label: 'Anybody may read',
    make: (bucket) => policy({ Sid: 'AllowPublicRead', Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: arn(bucket, '/*') }),
  },
  {
    id: 'public-pipeline',
    label: 'Zoned batch lake: anybody may read, write, list and delete',
    make: (bucket) =>
      policy(
        { Sid: 'AllowAllLambdaPutObject', Effect: 'Allow', Principal: '*', Action: 's3:PutObject', Resource: arn(bucket, '/*') },
        { Sid: 'AllowDeleteObjects', Effect: 'Allow', Principal: '*', Action: ['s3:DeleteObject', 's3:AbortMultipartUpload'], Resource: arn(bucket, '/*') },
        { Sid: 'AllowPublicRead', Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: arn(bucket, '/*') },
        { Sid: 'AllowListBucket', Effect: 'Allow', Principal: '*', Action: 's3:ListBucket', Resource: arn(bucket) },
      ),
  },
  {
    id: 'refined-public',
    label: 'Anybody may read the zone refined, nothing else',
    make: (bucket) =>
      policy({ Sid: 'ReadRefined', Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: arn(bucket, '/*'), Condition: { StringEquals: { 'lakegate:zone': 'refined' } } }),
  },
  {
    id: 'network',
    label: 'Only from these addresses',
    make: (bucket) =>
      policy({
        Sid: 'OnlyFromHere',
        Effect: 'Deny',
        Principal: '*',
        Action: 's3:*',
        Resource: [arn(bucket), arn(bucket, '/*')],
        Condition: { NotIpAddress: { 'aws:SourceIp': ['192.0.2.0/24', '127.0.0.1/32'] } },
      }),
  },
  {
    id: 'tls',
    label: 'Only over TLS',
    make: (bucket) =>
      policy({ Sid: 'OnlyOverTls', Effect: 'Deny', Principal: '*', Action: 's3:*', Resource: [arn(bucket), arn(bucket, '/*')], Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
  },
]

/** Of users, groups, roles, and managed policies. */
export const identityTemplates: Template[] = [
  {
    id: 'read-bucket',
    label: 'Read one bucket',
    make: (bucket) =>
      policy(
        { Sid: 'List', Effect: 'Allow', Action: ['s3:ListBucket', 's3:GetBucketLocation'], Resource: arn(bucket) },
        { Sid: 'Read', Effect: 'Allow', Action: 's3:GetObject', Resource: arn(bucket, '/*') },
      ),
  },
  {
    id: 'web-ui',
    label: 'The four functions of a web page: view, upload, download, bulk copy',
    make: (bucket) =>
      policy(
        { Sid: 'View', Effect: 'Allow', Action: ['s3:ListAllMyBuckets', 's3:ListBucket', 's3:GetBucketLocation'], Resource: '*' },
        { Sid: 'UploadAndDownload', Effect: 'Allow', Action: ['s3:GetObject', 's3:PutObject', 's3:DeleteObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'], Resource: arn(bucket, '/*') },
        { Sid: 'BulkCopy', Effect: 'Allow', Action: ['lakegate:CreateCopyJob', 'lakegate:GetCopyJob', 'lakegate:ListCopyJobs', 'lakegate:CancelCopyJob'], Resource: arn(bucket) },
      ),
  },
  {
    id: 'clean',
    label: 'A cleaning job: reads raw, writes trusted',
    make: (bucket) =>
      policy(
        { Sid: 'List', Effect: 'Allow', Action: 's3:ListBucket', Resource: arn(bucket) },
        { Sid: 'ReadRaw', Effect: 'Allow', Action: 's3:GetObject', Resource: arn(bucket, '/*'), Condition: { StringEquals: { 'lakegate:zone': 'raw' } } },
        {
          Sid: 'WriteTrusted',
          Effect: 'Allow',
          Action: ['s3:PutObject', 's3:GetObject', 's3:DeleteObject', 's3:AbortMultipartUpload'],
          Resource: arn(bucket, '/*'),
          Condition: { StringEquals: { 'lakegate:zone': 'trusted' } },
        },
      ),
  },
  {
    id: 'own-keys',
    label: 'Manage one\'s own access keys',
    make: () =>
      policy({
        Sid: 'OwnKeys',
        Effect: 'Allow',
        Action: ['iam:CreateAccessKey', 'iam:DeleteAccessKey', 'iam:ListAccessKeys', 'iam:UpdateAccessKey', 'iam:GetUser'],
        Resource: 'arn:aws:iam::*:user/${aws:username}',
      }),
  },
  {
    id: 'metrics',
    label: 'See the dashboard',
    make: () => policy({ Sid: 'Dashboard', Effect: 'Allow', Action: 'lakegate:GetMetrics', Resource: '*' }),
  },
]

export const trustTemplates: Template[] = [
  {
    id: 'account',
    label: 'Whoever in this account a policy allows it',
    make: (account) => policy({ Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: 'sts:AssumeRole' }),
  },
]
