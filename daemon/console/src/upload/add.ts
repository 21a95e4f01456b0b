/* Files that were chosen or dropped → uploads. */
import { toast } from '../ui/toasts'
import { startUploads } from './manager'

export function addFiles(files: File[], bucket: string, prefix: string): void {
  startUploads(
    files.map((file) => ({ file, key: prefix + (file.webkitRelativePath || file.name) })),
    bucket,
  )
}

export function pickFiles(folder: boolean, onFiles: (files: File[]) => void): void {
  const input = document.createElement('input')
  input.type = 'file'
  input.multiple = true
  input.webkitdirectory = folder
  input.addEventListener('change', () => {
    if (input.files?.length) onFiles([...input.files])
  })
  input.click()
}

function filesOf(entry: FileSystemEntry, path: string): Promise<{ file: File; path: string }[]> {
  return new Promise((resolve, reject) => {
    if (entry.isFile) return (entry as FileSystemFileEntry).file((file) => resolve([{ file, path: path + entry.name }]), reject)
    const reader = (entry as FileSystemDirectoryEntry).createReader()
    const found: FileSystemEntry[] = []
    /* A reader hands out a hundred at a time, until none are left. */
    const read = () =>
      reader.readEntries((some) => {
        if (some.length > 0) {
          found.push(...some)
          return read()
        }
        return Promise.all(found.map((child) => filesOf(child, `${path}${entry.name}/`))).then((lists) => resolve(lists.flat()), reject)
      }, reject)
    return read()
  })
}

export async function addDropped(data: DataTransfer, bucket: string, prefix: string): Promise<void> {
  /* Entries have to be taken before anything is waited for: then the list is empty. */
  const entries = [...data.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null)
  const plain = [...data.files]
  try {
    if (entries.length === 0) return addFiles(plain, bucket, prefix)
    const found = (await Promise.all(entries.map((entry) => filesOf(entry, '')))).flat()
    if (found.length === 0) toast('There are no files in what was dropped')
    else startUploads(found.map(({ file, path }) => ({ file, key: prefix + path })), bucket)
  } catch (thrown) {
    toast(`What was dropped could not be read: ${(thrown as Error).message}`, 'danger')
  }
}
