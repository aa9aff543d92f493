// The upload page: Uppy's Dashboard over tus in #uppy, with what has been uploaded listed below it.
import Uppy from '@uppy/core'
import Dashboard from '@uppy/dashboard'
import Tus from '@uppy/tus'
import '@uppy/core/css/style.min.css'
import '@uppy/dashboard/css/style.min.css'
import './page.css'
import './upload.css'
import { readableBytes } from './elements.js'
import { FinishedUploads } from './finished.js'
import { readOptions } from './options.js'
import { keepFiles } from './retriever.js'
import { AccessToken } from './token.js'

// Milliseconds before each new try; the first is at once, for a connection that was merely cut. In all it is longer than
// a deployment takes.
const RETRY_DELAYS = [0, 1000, 3000, 5000, 10000, 20000, 30000, 60000]
// Browsers open six HTTP/1.1 connections to a host: leave some for HEAD requests and preflights.
const UPLOADS_AT_ONCE = 4

// Uppy's own texts, where they would leave a person guessing.
const TEXTS = {
  strings: {
    sessionRestored: 'Unfinished uploads',
    recoveredAllFiles: 'Go on with the upload: what has arrived is not sent again.',
    recoveredXFiles: {
      0: 'Pick the marked file again: no copy of it was kept. Its upload goes on where it stopped.',
      1: 'Pick the %{smart_count} marked files again: no copies were kept. Their uploads go on where they stopped.',
    },
    reSelect: 'Pick again',
  },
}

function makeUppy({ endpoint, chunkSize, maxLength }, token) {
  return new Uppy({ id: 'tusbridge', restrictions: { maxFileSize: maxLength } }).use(Tus, {
    endpoint,
    chunkSize,
    retryDelays: RETRY_DELAYS,
    limit: UPLOADS_AT_ONCE,
    headers: () => token.headers(),
    // A finished file that is picked again is a new upload; only unfinished ones are remembered.
    removeFingerprintOnSuccess: true,
  })
}

function show(uppy, { maxLength, keepFileBytes }) {
  const note = [
    maxLength && `Up to ${readableBytes(maxLength)} each.`,
    uppy.getPlugin('GoldenRetriever') &&
      `Unfinished files up to ${readableBytes(keepFileBytes)} are kept in this browser for a day.`,
  ]
  uppy.use(Dashboard, {
    target: '#uppy',
    inline: true,
    width: '100%',
    height: 420,
    theme: 'auto',
    note: note.filter(Boolean).join(' ') || null,
    fileManagerSelectionType: 'both',
    proudlyDisplayPoweredByUppy: false,
    locale: TEXTS,
  })
}

/**
 * Have what a former page left look like files that were just chosen, and go on by their upload URLs: Uppy would show
 * them as being uploaded, count the finished ones among those to come, and forget what is added to them.
 */
function settle(uppy, finished) {
  uppy.setState({ currentUploads: {}, error: null })
  for (const file of uppy.getFiles()) {
    if (file.progress.uploadComplete) finished.add(file, file.uploadURL)
    if (file.progress.uploadComplete || finished.knows(file)) {
      uppy.removeFile(file.id)
    } else {
      const progress = { ...file.progress, uploadStarted: null }
      uppy.setFileState(file.id, { progress, isPaused: false, error: null })
    }
  }
  if (!uppy.getFiles().length) uppy.setState({ recoveredState: null })
}

function statusOf(error, response) {
  return response?.status ?? error?.originalResponse?.getStatus()
}

async function start() {
  const options = readOptions()
  const token = new AccessToken(options.token)
  const finished = new FinishedUploads(token)
  const uppy = makeUppy(options, token)
  const form = token.form(() => uppy.retryAll())
  document.getElementById('uppy').after(form, finished.element)
  uppy.on('upload-success', (file, { uploadURL }) => finished.add(file, uploadURL))
  uppy.on('restored', () => settle(uppy, finished))
  uppy.on('upload-error', (_file, error, response) => {
    if (statusOf(error, response) === 401) token.ask()
  })
  await keepFiles(uppy, options.keepFileBytes)
  show(uppy, options)
}

start()
