/* What the server refuses of an object's tags, said before it is sent. src: libs3proto/tags.h */
export const TAGS_MAX = 10
const NAME_MAX = 128
const VALUE_MAX = 256
/* What is not ASCII is taken for a letter, but for emoji and their like. */
const ALLOWED = /^[A-Za-z0-9 _.:/=+\-@\u0080-\ud7ff\ue000-\uffff]*$/

/** What is wrong with each tag, in a sentence; empty where nothing is. Lengths are UTF-16 units, as AWS counts. */
export function tagProblems(tags: [string, string][]): string[] {
  const names = new Set<string>()
  return tags.map(([name, value], index) => {
    if (index >= TAGS_MAX) return `An object has at most ${TAGS_MAX} tags.`
    if (name === '') return 'A tag needs a name.'
    if (name.length > NAME_MAX || value.length > VALUE_MAX) return `A name has at most ${NAME_MAX} characters, a value ${VALUE_MAX}.`
    if (!ALLOWED.test(name) || !ALLOWED.test(value)) return 'There is a character that tags may not have.'
    if (name.toLowerCase().startsWith('aws:')) return 'Names that begin with aws: are AWS’s own.'
    if (names.has(name)) return 'This name stands there twice.'
    names.add(name)
    return ''
  })
}
