/* CodeMirror for JSON, in a chunk of its own.
 *
 * It mounts its rules as a <style> element, which the page's Content-Security-Policy refuses, unless it stands in a
 * shadow root: there it uses constructed style sheets, which the policy allows. So the editor has a shadow root of its
 * own; the colours come through as custom properties of tokens.css. Tab moves on, as everywhere on the page. */
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands'
import { json } from '@codemirror/lang-json'
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from '@codemirror/language'
import { setDiagnostics } from '@codemirror/lint'
import { EditorState } from '@codemirror/state'
import { EditorView, drawSelection, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view'
import { tags } from '@lezer/highlight'
import type { Problem } from './json'

export interface Editor {
  /** replaces the text; undo brings the old one back */
  set: (text: string) => void
  mark: (problems: Problem[], show?: boolean) => void
  focus: () => void
  destroy: () => void
}

const theme = EditorView.theme({
  '&': { fontSize: '0.75rem', backgroundColor: 'var(--surface)', color: 'var(--ink)', borderRadius: 'inherit', minHeight: 'var(--editor-min, 12rem)', maxHeight: 'var(--editor-max, 60vh)' },
  '&.cm-focused': { outline: '2px solid var(--focus)', outlineOffset: '1px' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.5', overflow: 'auto' },
  '.cm-content': { caretColor: 'var(--ink)', padding: '0.5rem 0' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '.cm-gutters': { backgroundColor: 'var(--surface-2)', color: 'var(--ink-3)', border: '0', borderRight: '1px solid var(--line)' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'color-mix(in srgb, var(--surface-3) 45%, transparent)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': { backgroundColor: 'var(--info-soft)' },
  '.cm-matchingBracket, &.cm-focused .cm-matchingBracket': { backgroundColor: 'var(--accent-soft)', outline: '1px solid var(--accent)' },
  '.cm-tooltip': { backgroundColor: 'var(--surface)', color: 'var(--ink)', border: '1px solid var(--line)', fontFamily: 'var(--font)' },
  '.cm-lintRange-error': { backgroundImage: 'none', textDecoration: 'underline wavy var(--danger)', textUnderlineOffset: '3px', backgroundColor: 'var(--danger-soft)' },
})

const colours = HighlightStyle.define([
  { tag: tags.propertyName, color: 'var(--accent-ink)' },
  { tag: tags.string, color: 'var(--info-ink)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--violet-ink)' },
])

export function mount(host: HTMLElement, options: { text: string; label: string; readOnly?: boolean; onInput: (text: string) => void }): Editor {
  const root = host.shadowRoot ?? host.attachShadow({ mode: 'open' })
  root.replaceChildren()
  const view = new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      doc: options.text,
      extensions: [
        lineNumbers(),
        history(),
        drawSelection(),
        highlightActiveLine(),
        indentOnInput(),
        indentUnit.of('  '),
        bracketMatching(),
        json(),
        syntaxHighlighting(colours),
        theme,
        EditorView.lineWrapping,
        EditorView.editable.of(!options.readOnly),
        EditorState.readOnly.of(options.readOnly === true),
        EditorView.contentAttributes.of({ 'aria-label': options.label, tabindex: '0' }),
        keymap.of([...defaultKeymap, ...historyKeymap]),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) options.onInput(update.state.doc.toString())
        }),
      ],
    }),
  })
  return {
    set: (text) => {
      if (text !== view.state.doc.toString()) view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } })
    },
    mark: (problems, show) => {
      const end = view.state.doc.length
      const diagnostics = problems.map(({ from, to, message }) => ({ from: Math.min(from, end), to: Math.min(to, end), severity: 'error' as const, message }))
      view.dispatch(setDiagnostics(view.state, diagnostics))
      const first = diagnostics[0]
      if (show && first) view.dispatch({ selection: { anchor: first.from }, effects: EditorView.scrollIntoView(first.from, { y: 'center' }) })
    },
    focus: () => view.focus(),
    destroy: () => view.destroy(),
  }
}
