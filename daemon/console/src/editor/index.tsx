/* A JSON document to be edited. What is wrong is shown at its place: the syntax at once, then what check() says, which
 * asks the server a moment after the last change, and what the server refused when it was saved (refusal). */
import { useEffect, useId, useMemo, useRef, useState } from 'preact/hooks'
import { asApiError } from '../s3/errors'
import { ErrorView, Icon, Spinner } from '../ui'
import type { Editor } from './codemirror'
import { lineOf, parseJson, placeOf, type Problem } from './json'
import './editor.css'

const CHECK_AFTER_MS = 600

export interface Checked {
  /** why the server would refuse it; '' when it would take it */
  refusal: string
  /** what it would keep, and not act on */
  warnings: string[]
}

export interface JsonEditorProps {
  label: string
  value: string
  onInput?: (text: string) => void
  /** the server's word on a text whose syntax is right */
  check?: (text: string, signal: AbortSignal) => Promise<Checked>
  /** what was thrown when it was saved */
  refusal?: unknown
  tall?: boolean
}

/** Whether a text may be sent at all. */
export const isJson = (text: string): boolean => parseJson(text).problem === undefined

/** The document as people like to read it; what is no JSON stays as it is. */
export function pretty(text: string): string {
  return isJson(text) ? JSON.stringify(JSON.parse(text), null, 2) : text
}

function problemOf(text: string, message: string): Problem {
  const parsed = parseJson(text)
  const place = placeOf(parsed, message) ?? { from: 0, to: 0 }
  return { ...place, message }
}

function useServerCheck(text: string, check: JsonEditorProps['check']): Checked & { of: string } {
  const [said, setSaid] = useState<Checked & { of: string }>({ refusal: '', warnings: [], of: '' })
  useEffect(() => {
    if (!check || !isJson(text)) return
    const controller = new AbortController()
    const timer = window.setTimeout(() => {
      check(text, controller.signal).then(
        (answer) => !controller.signal.aborted && setSaid({ ...answer, of: text }),
        () => undefined,
      )
    }, CHECK_AFTER_MS)
    return () => {
      window.clearTimeout(timer)
      controller.abort()
    }
  }, [text, check])
  return said
}

export function JsonEditor({ label, value, onInput, check, refusal, tall }: JsonEditorProps) {
  const host = useRef<HTMLDivElement>(null)
  const editor = useRef<Editor | null>(null)
  const input = useRef(onInput)
  input.current = onInput
  const [failed, setFailed] = useState<unknown>(null)
  const [ready, setReady] = useState(false)
  const [refusedText, setRefusedText] = useState('')
  const id = useId()
  const said = useServerCheck(value, onInput ? check : undefined)
  const syntax = useMemo(() => parseJson(value).problem, [value])

  useEffect(() => {
    let live = true
    import('./codemirror').then(
      ({ mount }) => {
        if (!live || !host.current) return
        editor.current = mount(host.current, { text: value, label, readOnly: !onInput, onInput: (text) => input.current?.(text) })
        setReady(true)
      },
      (thrown) => live && setFailed(thrown),
    )
    return () => {
      live = false
      editor.current?.destroy()
      editor.current = null
    }
  }, [])
  useEffect(() => editor.current?.set(value), [value, ready])
  useEffect(() => setRefusedText(value), [refusal])

  const refused = refusal !== undefined && refusal !== null && refusedText === value ? problemOf(value, asApiError(refusal).message) : undefined
  const problem = syntax ?? refused ?? (said.of === value && said.refusal ? problemOf(value, said.refusal) : undefined)
  /* A refusal that names no place (a denial) is told below, and marks nothing. */
  const placed = problem && (problem.to > 0 || problem === syntax) ? [problem] : []
  useEffect(() => {
    if (ready) editor.current?.mark(placed, refused !== undefined)
  }, [ready, problem?.message, problem?.from, problem?.to, refused !== undefined])

  if (failed !== null) return <ErrorView error={failed} title="The editor could not be loaded" />
  return (
    <div class="json-editor">
      <div ref={host} class={`json-editor-host ${tall ? 'tall' : ''}`} data-testid="json-editor" />
      {!ready && <Spinner />}
      {onInput && <EditorState id={id} text={value} problem={problem} checked={said.of === value} checking={check !== undefined} />}
      {said.of === value && !problem && said.warnings.length > 0 && (
        <ul class="json-editor-warnings" aria-label="Warnings">
          {said.warnings.map((warning) => (
            <li key={warning}>{warning}</li>
          ))}
        </ul>
      )}
    </div>
  )
}

function EditorState({ id, text, problem, checked, checking }: { id: string; text: string; problem?: Problem; checked: boolean; checking: boolean }) {
  if (!problem)
    return (
      <p id={id} class="json-editor-state" role="status">
        <Icon name="check" /> {checking && checked ? 'The server takes it' : 'Valid JSON'}
      </p>
    )
  const { line, column } = lineOf(text, problem.from)
  return (
    <p id={id} class="json-editor-state wrong" role="status">
      <Icon name="warn" /> {problem.to > 0 || problem.from > 0 ? `Line ${line}, column ${column}: ` : ''}
      {problem.message}
    </p>
  )
}
