// Sends one file by each script, as it comes or with the lines of docs/legacy.md, which docs.js has.
const CHUNK = 100_000

window.ready = new Promise((resolve) => addEventListener('load', resolve))

const senders = {
  dropzone(url, file, lines) {
    return new Promise((resolve) => {
      const zone = new Dropzone(document.querySelector('#zone'), {
        url, chunking: true, chunkSize: CHUNK, ...(lines ? forDropzone : {}),
      })
      zone.on('success', (done) => resolve({ ok: true, said: done.upload.chunks?.at(-1).response }))
      zone.on('error', (_, message) => resolve({ ok: false, said: JSON.stringify(message) }))
      zone.addFile(file)
    })
  },
  resumable(url, file, lines) {
    return withFlow(new Resumable({
      target: url, chunkSize: CHUNK, maxChunkRetries: 0, ...(lines ? forResumable : { testChunks: false }),
    }), file)
  },
  flow(url, file, lines) {
    return withFlow(new Flow({
      target: url, chunkSize: CHUNK, maxChunkRetries: 0, ...(lines ? forFlow : { testChunks: false }),
    }), file)
  },
  ng(url, file, lines) {
    return new Promise((resolve) => {
      angular.injector(['ng', 'ngFileUpload']).invoke(['Upload', (Upload) => {
        const config = lines ? forNgFileUpload(file) : { data: { file } }
        Upload.upload({ url, resumeChunkSize: CHUNK, ...config }).then(
          (answer) => resolve({ ok: true, said: JSON.stringify(answer.data) }),
          (answer) => resolve({ ok: false, said: JSON.stringify(answer.data) }),
        )
      }])
    })
  },
}

function withFlow(flow, file) {
  return new Promise((resolve) => {
    flow.on('fileSuccess', (done, message) => resolve({ ok: true, said: message }))
    flow.on('fileError', (done, message) => resolve({ ok: false, said: message }))
    flow.on('fileAdded', () => { setTimeout(() => flow.upload()) })
    flow.addFile(file)
  })
}

window.send = async (name, url, length, lines) => {
  await window.ready
  const bytes = Uint8Array.from({ length }, (_, at) => (at * 7 + (at >> 8)) % 251)
  return senders[name](url, new File([bytes], 'a.bin'), lines)
}
