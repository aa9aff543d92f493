// Uploads one file with tus-js-client as one JSON object on the command line says, and prints what came of it.
//
// {endpoint, file, mode, chunkSize?, requestId?, token?}  ->  {url, bytesSent, ok, error}
//
// bytesSent counts what was handed to the connection, bytes sent again included.
import { createReadStream, statSync } from 'node:fs'
import { createRequire } from 'node:module'

const frontend = new URL('../../../frontend/package.json', import.meta.url)
const tus = createRequire(frontend)('tus-js-client')

const MIB = 1024 * 1024
const given = JSON.parse(process.argv[2])
const length = statSync(given.file).size
let bytesSent = 0
let last = 0

function count(sent) {
  if (sent > last) bytesSent += sent - last
  last = sent
}

const OPTIONS = {
  normal: {},
  empty: {},
  abortResume: {},
  terminate: {},
  chunked: { chunkSize: given.chunkSize ?? 5 * MIB },
  override: { overridePatchMethod: true },
  duringCreation: { uploadDataDuringCreation: true },
}

const common = {
  endpoint: given.endpoint,
  retryDelays: [0, 100, 500, 1000, 3000],
  uploadSize: length,
  metadata: { filename: given.file.split('/').pop(), filetype: 'application/octet-stream' },
  headers: given.token ? { Authorization: `Bearer ${given.token}` } : {},
  addRequestId: Boolean(given.requestId),
  ...OPTIONS[given.mode],
}

/** Upload to the end; resolves with the upload. */
function whole(options = {}) {
  return new Promise((resolve, reject) => {
    const upload = new tus.Upload(createReadStream(given.file), {
      ...common,
      ...options,
      onProgress: count,
      onError: reject,
      onSuccess: () => resolve(upload),
    })
    upload.start()
  })
}

/** Upload half of it and stop in the middle of a request; resolves with the upload. */
function half({ terminate = false } = {}) {
  return new Promise((resolve, reject) => {
    const stop = (sent) => {
      count(sent)
      if (sent > length / 2) upload.abort(terminate).then(() => resolve(upload), reject)
    }
    const upload = new tus.Upload(createReadStream(given.file), {
      ...common,
      chunkSize: Math.ceil(length / 4),
      onProgress: stop,
      onError: reject,
      onSuccess: () => reject(new Error('the upload ended before it was stopped')),
    })
    upload.start()
  })
}

const MODES = {
  abortResume: async () => whole({ uploadUrl: (await half()).url }),
  terminate: () => half({ terminate: true }),
}

function report(result) {
  process.stdout.write(`${JSON.stringify({ bytesSent, ...result })}\n`)
}

try {
  if (!(given.mode in OPTIONS)) throw new Error(`no such mode: ${given.mode}`)
  const upload = await (MODES[given.mode] ?? whole)()
  report({ url: upload.url, ok: true, error: null })
} catch (error) {
  report({ url: null, ok: false, error: String(error) })
  process.exitCode = 1
}
