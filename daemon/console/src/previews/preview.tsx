export default function Preview(_: { bucket: string; objectKey: string; versionId?: string; facts: unknown }) {
  return null
}
