/**
 * What the page tells the script, in <script type="application/json" id="tusbridge-options">:
 * endpoint (URL, may be relative), chunkSize (bytes or null: one request per file),
 * token (bearer token or null), maxLength (bytes or null).
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
  }
}
