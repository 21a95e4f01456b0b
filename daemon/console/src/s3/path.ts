/* Bucket and key → the path of a request.
 *
 * Two forms are needed. The signature covers the path with every byte but A-Z a-z 0-9 - . _ ~ and the slash encoded.
 * What goes to the browser must besides survive its URL parser, which takes "." and ".." out of a path (and "%2e",
 * which it reads as a dot): the slashes next to such a segment are sent as %2F, which the parser leaves alone and
 * the daemon, which splits the decoded path, reads as slashes. */

/** RFC 3986's unreserved characters stay; encodeURIComponent alone would leave !'()* as well. */
export function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** /bucket/key as it is signed. key absent: the bucket. */
export function signedPath(prefix: string, bucket?: string, key?: string): string {
  if (bucket === undefined) return `${prefix}/`
  const path = `${prefix}/${encode(bucket)}`
  return key === undefined ? path : `${path}/${key.split('/').map(encode).join('/')}`
}

const dots = /^(\.|%2e){1,2}$/i

/** A signed path as it goes out. */
export function wirePath(path: string): string {
  const segments = path.split('/')
  if (!segments.some((segment) => dots.test(segment))) return path
  let out = segments[0] ?? ''
  for (let i = 1; i < segments.length; i++) {
    const segment = segments[i] as string
    const glue = i > 1 && (dots.test(segment) || dots.test(segments[i - 1] as string)) ? '%2F' : '/'
    out += glue + segment
  }
  return out
}
