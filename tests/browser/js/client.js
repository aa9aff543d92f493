// What tests call in a page of theirs: tus-js-client uploads the file that was chosen in the page's field.
//
// client.begin({endpoint, options?, source?}) begins, and goes on with an upload of that file that it remembers;
// client.outcome() is {url, ok, error, requests} once it is over; client.abort(terminate) ends it before.
//
// options: those of tus.Upload that JSON can carry
// source: "file" (default), or "stream": a ReadableStreamDefaultReader, whose length nobody knows
'use strict'

{
  // Milliseconds after which an upload that is not over never will be.
  const PATIENCE = 90_000
  const FIELDS = [
    'Upload-Concat',
    'Upload-Defer-Length',
    'Upload-Length',
    'Upload-Metadata',
    'Upload-Offset',
    'X-HTTP-Method-Override',
    'X-Request-ID',
  ]
  let upload
  let result
  let over

  /** The callbacks that note each request as it goes out, for its answer may never come. */
  function noting(requests) {
    const seen = new Map()
    return {
      onBeforeRequest(request) {
        const fields = FIELDS.map((name) => [name, request.getHeader(name)])
        const entry = {
          method: request.getMethod(),
          url: request.getURL(),
          fields: Object.fromEntries(fields.filter(([, value]) => value !== undefined)),
          status: null,
        }
        seen.set(request, entry)
        requests.push(entry)
      },
      onAfterResponse(request, response) {
        seen.get(request).status = response.getStatus()
      },
    }
  }

  function endings(resolve) {
    setTimeout(() => resolve({ error: 'it goes on and on' }), PATIENCE)
    return {
      onError: (error) => resolve({ error: String(error) }),
      onSuccess: () => resolve({ ok: true }),
    }
  }

  async function begin({ endpoint, options = {}, source = 'file' }) {
    const [file] = document.querySelector('input[type=file]').files
    result = { url: null, ok: false, error: null, requests: [] }
    over = new Promise((resolve) => {
      upload = new tus.Upload(source === 'stream' ? file.stream().getReader() : file, {
        endpoint,
        retryDelays: [0, 100, 500, 1000, 3000],
        metadata: { filename: file.name, filetype: 'application/octet-stream' },
        ...options,
        ...noting(result.requests),
        ...endings(resolve),
      })
    })
    const [previous] = source === 'stream' ? [] : await upload.findPreviousUploads()
    if (previous) upload.resumeFromPreviousUpload(previous)
    upload.start()
  }

  async function outcome() {
    const end = await over
    return { ...result, url: upload.url, ...end }
  }

  async function abort(terminate) {
    await upload.abort(terminate)
    return { ...result, url: upload.url, ok: true }
  }

  window.client = { begin, outcome, abort }
}
