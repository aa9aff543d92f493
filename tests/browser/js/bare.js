// What tests call in a page with nothing but jQuery-File-Upload: one script as sites write them, in several ways.
//
// bare.begin({origin, chunkSize?, form?, until?, uploadId?, offset?, tells?, options?}) readies the field: what is
// chosen then is uploaded, and completed; bare.outcomes(count) are those of so many files, in the order of their ends:
// {name, done, status, answer, id (of the upload), ranges (Range of each chunk's answer), told (status of completing)}.
// bare.tus(options, until?) uploads the file of the field by tus-js-client; the upload's URL.
//
// form: how the script gives the plugin its fields: "own" (default: an array for each file), "object" (one FormData
//   for each file, that grows), "shared" (one array for all files, as in the demo of django-chunked-upload)
// until: bytes after which no chunk is sent any more; uploadId and offset: go on with that upload
// tells: false: do not tell the server that all is there
'use strict'

{
  const PATIENCE = 90_000
  const outcomes = []
  // the plugin empties the field
  let chosen
  let changed = () => {}

  /** MD5 of a whole file: the test's files are small. */
  async function md5Of(file) {
    return SparkMD5.ArrayBuffer.hash(await file.arrayBuffer())
  }

  async function complete(origin, uploadId, file, headers) {
    const data = { upload_id: uploadId, md5: await md5Of(file) }
    return $.post({ url: `${origin}/legacy/complete/`, data, headers }).then(
      (_answer, _text, { status }) => status,
      ({ status }) => status,
    )
  }

  function begin({ origin, chunkSize, form = 'own', until = Infinity, uploadId, offset, tells = true, options = {} }) {
    const shared = []
    const first = uploadId ? [{ name: 'upload_id', value: uploadId }] : []
    $('input[type=file]').fileupload({
      url: `${origin}/legacy/upload/`,
      paramName: 'file',
      dataType: 'json',
      maxChunkSize: chunkSize,
      ...options,
      add(_event, data) {
        chosen = data.files[0]
        const own = form === 'object' ? new FormData() : [...first]
        data.formData = form === 'shared' ? shared : own
        data.uploadedBytes = offset
        data.ranges = []
        data.submit()
      },
      chunksend(_event, { contentRange }) {
        const start = Number(contentRange.match(/\d+/)[0])
        return start < until
      },
      chunkdone(_event, { formData, result, jqXHR, ranges }) {
        ranges.push(jqXHR.getResponseHeader('Range'))
        if (formData instanceof FormData) formData.append('upload_id', result.upload_id)
        else if (!formData.length) formData.push({ name: 'upload_id', value: result.upload_id })
      },
      async always(_event, { files: [file], result, jqXHR, textStatus, ranges, formData }) {
        const answer = result ?? jqXHR?.responseJSON ?? null
        const done = textStatus === 'success'
        const told = done && tells ? await complete(origin, answer.upload_id, file, options.headers) : null
        const id = answer?.upload_id ?? (Array.isArray(formData) ? formData[0]?.value : null)
        outcomes.push({ name: file.name, done, status: jqXHR?.status ?? null, answer, id, ranges, told })
        changed()
      },
    })
  }

  function waitFor(count) {
    return new Promise((resolve, reject) => {
      setTimeout(() => reject(new Error(`${outcomes.length} of ${count} are over`)), PATIENCE)
      changed = () => outcomes.length >= count && resolve(outcomes)
      changed()
    })
  }

  function tus(given, until = Infinity) {
    const file = chosen ?? document.querySelector('input[type=file]').files[0]
    return new Promise((resolve, reject) => {
      const upload = new window.tus.Upload(file, {
        retryDelays: null,
        metadata: { filename: file.name },
        ...given,
        onError: reject,
        onSuccess: () => resolve(upload.url),
        onChunkComplete: async (_size, accepted) => {
          if (accepted < until) return
          await upload.abort()
          resolve(upload.url)
        },
      })
      upload.start()
    })
  }

  window.bare = { begin, outcomes: waitFor, tus }
}
