import GoldenRetriever from '@uppy/golden-retriever'

// Milliseconds for which a page that is just being closed may still be the one that keeps files.
const PATIENCE = 1000
// Bytes of all copies together; a disk holds that, and a phone.
const KEPT_IN_ALL = 1024 ** 3

/**
 * Keep copies of unfinished files up to `keepFileBytes` in this browser (IndexedDB, for a day), and offer what a former
 * page left. Of larger files only the names are kept: a person picks them again.
 *
 * There is no service worker. It could only hold files in its memory, which a browser clears after half a minute
 * without work and at a crash; and the page would have to serve a script for a whole origin, and let it run.
 */
export async function keepFiles(uppy, keepFileBytes) {
  if (!keepFileBytes || !globalThis.indexedDB || !(await isFirstPage())) return
  uppy.use(GoldenRetriever, {
    indexedDB: { maxFileSize: keepFileBytes, maxTotalSize: KEPT_IN_ALL },
  })
}

/**
 * Whether no other page of this browser keeps files; if so, this one does until it is closed. A second page would take
 * the uploads that the first is at for its own. Without HTTPS there are no locks to know by.
 */
function isFirstPage() {
  if (!navigator.locks) return true
  return new Promise((resolve) => {
    const hold = () => {
      resolve(true)
      // never: the lock goes with the page
      return new Promise(() => {})
    }
    const options = { signal: AbortSignal.timeout(PATIENCE) }
    navigator.locks.request('tusbridge-unfinished-files', options, hold).catch(() => resolve(false))
  })
}
