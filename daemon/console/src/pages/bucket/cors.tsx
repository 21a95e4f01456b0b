import { DeleteBucketCorsCommand, GetBucketCorsCommand, PutBucketCorsCommand, type CORSRule } from '@aws-sdk/client-s3'
import type { Checked } from '../../editor'
import type { Template } from '../../editor/templates'
import { send } from '../../s3/client'
import { ApiError, asApiError } from '../../s3/errors'
import { corsProblem } from './cors-rules'
import { DocumentCard } from './document'

const templates: Template[] = [
  {
    id: 'upload',
    label: 'One site may read and upload',
    make: () => ({
      CORSRules: [{ AllowedOrigins: ['https://app.example.com'], AllowedMethods: ['GET', 'HEAD', 'PUT', 'POST'], AllowedHeaders: ['*'], ExposeHeaders: ['ETag', 'x-amz-version-id'], MaxAgeSeconds: 3000 }],
    }),
  },
  { id: 'read', label: 'Every site may read', make: () => ({ CORSRules: [{ AllowedOrigins: ['*'], AllowedMethods: ['GET', 'HEAD'], AllowedHeaders: ['*'], MaxAgeSeconds: 3000 }] }) },
]

const check = async (text: string): Promise<Checked> => ({ refusal: corsProblem(JSON.parse(text)), warnings: [] })

export function Cors({ bucket }: { bucket: string }) {
  return (
    <>
      <p>Which web pages of other sites may use the bucket from a browser. It allows nobody anything: it only tells browsers.</p>
      <DocumentCard
        bucket={bucket}
        label="CORS rules"
        read={async (signal) => {
          try {
            const { CORSRules } = await send(new GetBucketCorsCommand({ Bucket: bucket }), { abortSignal: signal })
            return JSON.stringify({ CORSRules })
          } catch (thrown) {
            if (asApiError(thrown).code === 'NoSuchCORSConfiguration') return ''
            throw thrown
          }
        }}
        save={async (text) => {
          const document = JSON.parse(text) as { CORSRules: CORSRule[] }
          const problem = corsProblem(document)
          if (problem) throw new ApiError('MalformedCORS', problem, 0)
          await send(new PutBucketCorsCommand({ Bucket: bucket, CORSConfiguration: { CORSRules: document.CORSRules } }))
        }}
        remove={async () => void (await send(new DeleteBucketCorsCommand({ Bucket: bucket })))}
        removed="Browsers then let no other site use the bucket."
        templates={templates}
        check={check}
        asked={{ read: { action: 's3:GetBucketCORS', resource: bucket }, save: { action: 's3:PutBucketCORS', resource: bucket } }}
      />
    </>
  )
}
