/* IAM by the Query API, its XML as plain records.
 *
 * @aws-sdk/client-iam would add 26 KiB gzip to what client-s3 brings already, for what is one function here: every
 * action takes flat parameters and answers with elements that have AWS's names. */
import { queryApi } from './fetch'
import { iamKeys } from './lasting'

export type Value = string | Rec | Value[]
export interface Rec {
  [name: string]: Value
}

/** An element without children is its text, one of <member>s a list, another a record. */
export function valueOf(element: Element): Value {
  const children = [...element.children]
  if (children.length === 0) return element.textContent ?? ''
  if (children.every((child) => child.localName === 'member' || child.localName === 'entry')) return children.map(valueOf)
  return Object.fromEntries(children.map((child) => [child.localName, valueOf(child)]))
}

export const text = (value: Value | undefined): string => (typeof value === 'string' ? value : '')
/** An empty list has no members to know it by: it reads as an empty text. */
export const list = (value: Value | undefined): Value[] => (Array.isArray(value) ? value : [])
export const records = (value: Value | undefined): Rec[] => list(value).filter((item): item is Rec => typeof item === 'object' && !Array.isArray(item))
export const record = (value: Value | undefined): Rec => (typeof value === 'object' && !Array.isArray(value) ? value : {})

/** Name.member.1, Name.member.2 … */
export function members(name: string, values: string[]): Record<string, string> {
  return Object.fromEntries(values.map((value, index) => [`${name}.member.${index + 1}`, value]))
}

/** The action's result as a record; empty for actions that answer nothing. */
export async function iam(action: string, parameters: Record<string, string> = {}, signal?: AbortSignal): Promise<Rec> {
  const answer = await queryApi('iam', action, parameters, { keys: iamKeys(), signal })
  const result = [...(answer.documentElement?.children ?? [])].find((child) => child.localName === `${action}Result`)
  return result ? record(valueOf(result)) : {}
}

const PAGE_ITEMS = '1000'
const PAGES_MAX = 20

/** A whole list, up to 20,000 members. */
export async function iamAll(action: string, name: string, parameters: Record<string, string> = {}, signal?: AbortSignal): Promise<Value[]> {
  const all: Value[] = []
  let marker = ''
  for (let page = 0; page < PAGES_MAX; page++) {
    const answer = await iam(action, { ...parameters, MaxItems: PAGE_ITEMS, ...(marker ? { Marker: marker } : {}) }, signal)
    all.push(...list(answer[name]))
    marker = text(answer.IsTruncated) === 'true' ? text(answer.Marker) : ''
    if (!marker) break
  }
  return all
}

export async function iamRecords(action: string, name: string, parameters: Record<string, string> = {}, signal?: AbortSignal): Promise<Rec[]> {
  return records(await iamAll(action, name, parameters, signal))
}

/** Documents come percent-encoded, as on AWS. */
export function documentOf(value: Value | undefined): string {
  try {
    return decodeURIComponent(text(value))
  } catch {
    return text(value)
  }
}
