// Files to django-chunked-upload, or to what answers as it does, with jQuery-File-Upload: in chunks, with new tries
// after failures, going on after a break, also of the page. Every file has form fields, an upload_id and an MD5 of its
// own. This is the file to copy; it needs jQuery 3 (not 4), jQuery-File-Upload 10 with its widget, and SparkMD5. Where
// these come from script tags, leave the imports out.
import $ from 'jquery'
import 'blueimp-file-upload'
import SparkMD5 from 'spark-md5'

// Milliseconds before each new try, the first at once; a chunk that arrived begins the list anew.
const RETRY_DELAYS = [0, 1000, 3000, 5000, 10_000, 30_000, 60_000]
// Browsers open six HTTP/1.1 connections to a host: leave some for the requests that complete.
const UPLOADS_AT_ONCE = 4
// Bytes that are hashed at once: the page stands still for some hundredths of a second.
const SLICE_BYTES = 1024 ** 2
// The server has no code for "was completed before", only this text.
const COMPLETED_BEFORE = /already been marked as/
const UNREADABLE = 'The file cannot be read: it was changed or moved. Choose it again.'
const KEPT = 'chunked-upload:'

/**
 * Let the file input, and what is dropped on the page, upload.
 *
 * settings: uploadUrl, completeUrl, fieldName (of the view, "file" if left out), chunkSize (bytes), headers() for each
 * request (CSRF token, login), added(upload) for each file, where upload.start() begins it, and changed(upload) for
 * whatever happens to it.
 */
export function takeFiles(input, settings) {
  $(input).fileupload({
    url: settings.uploadUrl,
    paramName: settings.fieldName ?? 'file',
    dataType: 'json',
    maxChunkSize: settings.chunkSize,
    limitConcurrentUploads: UPLOADS_AT_ONCE,
    add: (_event, data) => {
      data.upload = new ChunkedUpload(data, settings)
      settings.added(data.upload)
    },
    send: (_event, { upload }) => upload.hash(),
    progress: (_event, data) => data.upload.moved(data),
    chunkdone: (_event, { upload, result }) => upload.arrived(result),
    done: (_event, { upload, result }) => upload.arrivedWhole(result),
    fail: (_event, { upload, jqXHR }) => upload.refused(jqXHR),
  })
}

/**
 * One file on its way. state is "queued", "uploading", "waiting" (for the next try), "checking", "paused", "failed"
 * (problem says why, status is that of the answer), "done" or "cancelled"; loaded and speed are in bytes.
 */
export class ChunkedUpload {
  constructor(data, settings) {
    this.data = data
    this.settings = settings
    this.file = data.files[0]
    this.state = 'queued'
    this.loaded = 0
    this.speed = 0
    // two files of this name, size and time are taken for one
    const { name, size, lastModified } = this.file
    this.key = `${KEPT}${settings.uploadUrl}:${name}:${size}:${lastModified}`
    this.id = recall(this.key).id ?? null
    this.offset = recall(this.key).offset ?? 0
  }

  /** Begin, go on after a pause, or try again after a failure. */
  start() {
    this.tries = 0
    this.hasBegunAnew = false
    this.#send()
  }

  pause() {
    this.#stop('paused')
  }

  /** Give up. What the server has of it expires there. */
  cancel() {
    forget(this.key)
    this.#stop('cancelled')
  }

  /** A promise of the MD5, which is worked out while the bytes are sent. */
  hash() {
    this.md5 ??= md5Of(this.file, () => this.state === 'cancelled').catch(() => null)
    return this.md5
  }

  moved({ loaded, bitrate }) {
    this.loaded = Math.min(loaded, this.file.size)
    this.speed = bitrate / 8
    this.settings.changed(this)
  }

  /** The server has taken a chunk: what it says is kept, so that a reload of the page costs nothing. */
  arrived({ upload_id: id, offset, expires }) {
    Object.assign(this, { id, offset, tries: 0 })
    remember(this.key, { id, offset, expires, name: this.file.name, size: this.file.size })
  }

  /** The last chunk, or a file that is no larger than one: that has no chunks. */
  arrivedWhole(result) {
    this.arrived(result)
    this.#send()
  }

  /** The server did not take it, or cannot be reached. */
  async refused(answer) {
    // what is paused or cancelled is refused as well
    if (!this.#isAtWork()) return
    const status = answer?.status ?? 0
    const { detail, offset } = answer?.responseJSON ?? {}
    const isLost = status === 0 && !(await isReadable(this.file))
    if (!this.#isAtWork()) return
    if (isLost) return this.#fail(UNREADABLE)
    if (status === 400 && COMPLETED_BEFORE.test(detail)) return this.#finish()
    const mayGoOn = mayPass(status) || this.#correct(status, offset)
    if (mayGoOn && this.tries < RETRY_DELAYS.length) this.#tryLater(answer)
    else this.#giveUp(status, detail)
  }

  #isAtWork() {
    return this.state === 'uploading' || this.state === 'checking'
  }

  #send() {
    // The plugin refuses to send nothing; and nothing is left where only the answer to the last chunk was lost.
    if (this.id && this.offset === this.file.size) return this.#complete()
    this.data.uploadedBytes = this.offset
    this.data.data = null
    this.data.headers = this.settings.headers()
    // asked for each chunk: the first one has no id
    this.data.formData = () => (this.id ? [{ name: 'upload_id', value: this.id }] : [])
    this.#become('uploading')
    this.data.submit()
  }

  async #complete() {
    this.loaded = this.file.size
    this.#become('checking')
    const md5 = await this.hash()
    if (this.state !== 'checking') return
    if (!md5) return this.#fail(UNREADABLE)
    this.request = $.ajax({
      url: this.settings.completeUrl,
      method: 'POST',
      dataType: 'json',
      headers: this.settings.headers(),
      data: { upload_id: this.id, md5 },
    })
    this.request.done(() => this.#finish()).fail((answer) => this.refused(answer))
  }

  /** Learn from a refusal; false if there is nothing to learn. */
  #correct(status, offset) {
    // "Offsets do not match": an answer was lost, or a chunk that was given up has arrived after all
    if (status === 400 && Number.isInteger(offset) && offset <= this.file.size) {
      this.offset = offset
      return true
    }
    // expired, or somebody else's: once, for else the second chunk of each new upload might be refused for ever
    if ((status === 404 || status === 410) && this.id && !this.hasBegunAnew) {
      this.hasBegunAnew = true
      this.#forget()
      return true
    }
    return false
  }

  #tryLater(answer) {
    const asked = Number(answer?.getResponseHeader('Retry-After')) * 1000 || 0
    const delay = Math.max(RETRY_DELAYS[this.tries], asked)
    this.tries += 1
    this.#become('waiting')
    this.timer = setTimeout(() => this.#send(), delay)
  }

  #giveUp(status, detail) {
    // of what is refused as wrong nothing can be used for another try
    if (status === 400) this.#forget()
    this.#fail(wordsFor(status, detail), status)
  }

  #forget() {
    forget(this.key)
    Object.assign(this, { id: null, offset: 0, loaded: 0, md5: null })
  }

  #finish() {
    forget(this.key)
    this.#become('done')
  }

  #fail(problem, status = 0) {
    Object.assign(this, { problem, status })
    this.#become('failed')
  }

  #stop(state) {
    // first of all: what is aborted is told to be refused
    this.#become(state)
    clearTimeout(this.timer)
    this.data.abort()
    this.request?.abort()
  }

  #become(state) {
    this.state = state
    this.settings.changed(this)
  }
}

/** Whether the same request may do later: no connection, busy, too many, a server that is down. 507 is a full disk. */
function mayPass(status) {
  return [0, 408, 409, 429].includes(status) || (status >= 500 && status !== 507)
}

function wordsFor(status, detail) {
  const words = {
    0: 'The server cannot be reached.',
    200: 'The answer of the server was not understood. Do you have to log in again?',
    401: 'The server asks for an access token.',
    403: 'You may not upload here. Do you have to log in?',
    404: 'The server takes no uploads at this address.',
    413: 'The server does not take chunks of this size.',
    507: 'There is no room left on the server.',
  }
  return words[status] ?? (detail ? `The server says: ${detail}.` : `The server answered with error ${status}.`)
}

/** The MD5 in lower-case hex, read slice by slice; null where it is not wanted any more. */
async function md5Of(file, isCancelled) {
  const hash = new SparkMD5.ArrayBuffer()
  for (let start = 0; start < file.size; start += SLICE_BYTES) {
    if (isCancelled()) return null
    hash.append(await file.slice(start, start + SLICE_BYTES).arrayBuffer())
  }
  return hash.end()
}

/** A file that was changed or moved fails to be sent as if there was no connection. */
function isReadable(file) {
  return file.slice(0, 1).arrayBuffer().then(() => true, () => false)
}

/** The unfinished uploads that this browser remembers: name, size and offset of each. */
export function unfinished(uploadUrl) {
  const keys = stored((store) => Object.keys(store)) ?? []
  const uploads = keys.filter((key) => key.startsWith(`${KEPT}${uploadUrl}:`)).map((key) => [key, recall(key)])
  const isOver = ([, { expires }]) => Date.parse(expires) < Date.now()
  uploads.filter(isOver).forEach(([key]) => forget(key))
  return uploads.filter((one) => !isOver(one)).map(([, upload]) => upload)
}

function remember(key, upload) {
  stored((store) => store.setItem(key, JSON.stringify(upload)))
}

function recall(key) {
  return stored((store) => JSON.parse(store.getItem(key))) ?? {}
}

function forget(key) {
  stored((store) => store.removeItem(key))
}

/** Some browsers refuse to keep anything: then uploads go on for as long as the page is open. */
function stored(use) {
  try {
    return use(localStorage)
  } catch {
    return null
  }
}
