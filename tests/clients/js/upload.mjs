// Uploads one file with tus-js-client as one JSON object on the command line says, and prints what came of it.
//
// {endpoint, file, options?, source?, storage?}  ->  {url, ok, error, requests}
//
// options: those of tus.Upload that JSON can carry
// source: "file" (default), or "stream": a stream whose length nobody knows
// storage: a file where upload URLs are remembered; an upload that is found there is gone on with
//
// Lines on standard input are commands: "abort" stops for good, "terminate" also removes the upload from the server,
// "pause" stops until "resume".
import { createReadStream } from 'node:fs'
import { createRequire } from 'node:module'
import { basename } from 'node:path'
import { createInterface } from 'node:readline'
import { PassThrough } from 'node:stream'

const frontend = new URL('../../../frontend/package.json', import.meta.url)
const tus = createRequire(frontend)('tus-js-client')

const FIELDS = [
  'Upload-Concat',
  'Upload-Defer-Length',
  'Upload-Length',
  'Upload-Metadata',
  'Upload-Offset',
  'X-HTTP-Method-Override',
  'X-Request-ID',
]
const given = JSON.parse(process.argv[2])
const result = { url: null, ok: false, error: null, requests: [] }
const seen = new Map()

/** Note a request as it goes out: its answer may never come. */
function before(request) {
  const fields = FIELDS.map((name) => [name, request.getHeader(name)])
  const entry = {
    method: request.getMethod(),
    url: request.getURL(),
    fields: Object.fromEntries(fields.filter(([, value]) => value !== undefined)),
    status: null,
  }
  seen.set(request, entry)
  result.requests.push(entry)
}

function after(request, response) {
  seen.get(request).status = response.getStatus()
}

function open() {
  const file = createReadStream(given.file)
  return given.source === 'stream' ? file.pipe(new PassThrough()) : file
}

function finish(outcome) {
  Object.assign(result, { url: upload.url }, outcome)
  commands.close()
}

const COMMANDS = {
  abort: async () => {
    await upload.abort()
    finish({ ok: true })
  },
  terminate: async () => {
    await upload.abort(true)
    finish({ ok: true })
  },
  pause: () => upload.abort(),
  resume: () => upload.start(),
}

const commands = createInterface({ input: process.stdin })
commands.on('line', (line) => COMMANDS[line]())
const upload = new tus.Upload(open(), {
  endpoint: given.endpoint,
  retryDelays: [0, 100, 500, 1000, 3000],
  metadata: { filename: basename(given.file), filetype: 'application/octet-stream' },
  ...(given.storage ? { urlStorage: new tus.FileUrlStorage(given.storage) } : {}),
  ...given.options,
  onBeforeRequest: before,
  onAfterResponse: after,
  onError: (error) => finish({ error: String(error) }),
  onSuccess: () => finish({ ok: true }),
})
const [previous] = given.storage ? await upload.findPreviousUploads() : []
if (previous) upload.resumeFromPreviousUpload(previous)
upload.start()
// Not earlier: of four parts that are removed, tus-js-client awaits none.
process.once('beforeExit', () => process.stdout.write(`${JSON.stringify(result)}\n`))
