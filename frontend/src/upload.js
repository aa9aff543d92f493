// The upload page: Uppy's Dashboard over tus in #uppy, with what has been uploaded listed below it.
import Uppy from '@uppy/core'
import Dashboard from '@uppy/dashboard'
import Tus from '@uppy/tus'
import '@uppy/core/css/style.min.css'
import '@uppy/dashboard/css/style.min.css'
import './upload.css'
import { readableBytes } from './elements.js'
import { FinishedUploads } from './finished.js'
import { readOptions } from './options.js'
import { AccessToken } from './token.js'

// Milliseconds before each new try; the first is at once, for a connection that was merely cut.
const RETRY_DELAYS = [0, 1000, 3000, 5000, 10000]
// Browsers open six HTTP/1.1 connections to a host: leave some for HEAD requests and preflights.
const UPLOADS_AT_ONCE = 4

function makeUppy({ endpoint, chunkSize, maxLength }, token) {
  const note = maxLength ? `Up to ${readableBytes(maxLength)} each.` : null
  return new Uppy({ id: 'tusbridge', restrictions: { maxFileSize: maxLength } })
    .use(Dashboard, {
      target: '#uppy',
      inline: true,
      width: '100%',
      height: 420,
      theme: 'auto',
      note,
      fileManagerSelectionType: 'both',
      proudlyDisplayPoweredByUppy: false,
    })
    .use(Tus, {
      endpoint,
      chunkSize,
      retryDelays: RETRY_DELAYS,
      limit: UPLOADS_AT_ONCE,
      headers: () => token.headers(),
      // A finished file that is picked again is a new upload; only unfinished ones are remembered.
      removeFingerprintOnSuccess: true,
    })
}

function statusOf(error, response) {
  return response?.status ?? error?.originalResponse?.getStatus()
}

function start() {
  const options = readOptions()
  const token = new AccessToken(options.token)
  const finished = new FinishedUploads(token)
  const uppy = makeUppy(options, token)
  const form = token.form(() => uppy.retryAll())
  document.getElementById('uppy').after(form, finished.element)
  uppy.on('upload-success', (file, { uploadURL }) => finished.add(file, uploadURL))
  uppy.on('upload-error', (_file, error, response) => {
    if (statusOf(error, response) === 401) token.ask()
  })
}

start()
