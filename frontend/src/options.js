// A copy of this size is made in about a second, and costs a disk nothing.
const KEEP_FILE_BYTES = 100 * 1024 ** 2

/**
 * What the page tells the script, in <script type="application/json" id="tusbridge-options">:
 * endpoint (URL, may be relative), chunkSize (bytes or null: one request per file),
 * token (bearer token or null), maxLength (bytes or null), keepFileBytes (bytes: unfinished files up to this size
 * are kept in the browser for a day; 0 keeps none, null 100 MiB).
 */
export function readOptions() {
  const element = document.getElementById('tusbridge-options')
  const given = element ? JSON.parse(element.textContent) : {}
  if (!given.endpoint) throw new Error('tusbridge: the page names no endpoint')
  return {
    endpoint: new URL(given.endpoint, document.baseURI).href,
    chunkSize: given.chunkSize ?? Number.POSITIVE_INFINITY,
    token: given.token ?? null,
    maxLength: given.maxLength ?? null,
    keepFileBytes: given.keepFileBytes ?? KEEP_FILE_BYTES,
  }
}
