// The page with jQuery-File-Upload: what it says and shows of uploads. How they are done is in chunked.js.
import './page.css'
import './legacy.css'
import { takeFiles, unfinished } from './chunked.js'
import { element, readableBytes } from './elements.js'
import { FinishedUploads } from './finished.js'
import { AccessToken } from './token.js'

/**
 * What the page tells the script, in <script type="application/json" id="tusbridge-options">:
 * uploadUrl and completeUrl (the two views), filesUrl (where /<upload_id> is the finished file), chunkSize (bytes),
 * token (bearer token or null), maxLength (bytes or null). URLs may be relative.
 */
function readOptions() {
  const given = JSON.parse(document.getElementById('tusbridge-options').textContent)
  const [uploadUrl, completeUrl, filesUrl] = [given.uploadUrl, given.completeUrl, given.filesUrl].map(
    (url) => new URL(url, document.baseURI).href,
  )
  return { ...given, uploadUrl, completeUrl, filesUrl }
}

/** The list item of one upload: its name, how far it is, and what can be done with it. */
class Row {
  constructor(upload) {
    this.upload = upload
    const { name } = upload.file
    this.bar = element('progress', { max: 1, value: 0, ariaLabel: `Progress of ${name}` })
    this.text = element('span', { className: 'tusbridge-state' })
    this.toggle = element('button', { type: 'button', onclick: () => this.#toggle() })
    this.cancel = element('button', { type: 'button', ariaLabel: `Cancel ${name}` }, 'Cancel')
    this.cancel.addEventListener('click', () => upload.cancel())
    this.element = element('li', {}, element('strong', {}, name), this.bar, this.text, this.toggle, this.cancel)
  }

  show() {
    const { state, loaded, file } = this.upload
    const label = { paused: 'Resume', failed: 'Try again' }[state] ?? 'Pause'
    this.element.dataset.state = state
    this.bar.value = file.size ? loaded / file.size : Number(state === 'checking')
    this.text.textContent = this.#words()
    this.toggle.textContent = label
    this.toggle.ariaLabel = `${label} ${file.name}`
    // what is about to be completed needs but a moment
    this.toggle.disabled = state === 'checking'
  }

  #toggle() {
    if (['paused', 'failed'].includes(this.upload.state)) this.upload.start()
    else this.upload.pause()
  }

  #words() {
    const { state, loaded, speed, file, problem } = this.upload
    const amount = `${readableBytes(loaded)} of ${readableBytes(file.size)}`
    return {
      queued: 'Waits for its turn',
      uploading: `${amount}, ${readableBytes(speed)} per second`,
      waiting: `${amount}, tries again soon`,
      checking: 'Being checked',
      paused: `${amount}, paused`,
      failed: problem,
    }[state]
  }
}

// The contract answers 403 where nobody is logged in.
const NEEDS_LOGIN = [401, 403]

/** The whole of it: the list, and what is said aloud. */
class Page {
  constructor(options) {
    this.options = options
    this.rows = new Map()
    this.input = document.getElementById('tusbridge-files')
    this.list = document.getElementById('tusbridge-uploads')
    this.said = document.getElementById('tusbridge-said')
    this.token = new AccessToken(options.token)
    this.finished = new FinishedUploads(this.token)
    this.list.after(this.token.form(() => this.#goOnWithToken()), this.finished.element)
  }

  start() {
    const { uploadUrl, completeUrl, chunkSize } = this.options
    takeFiles(this.input, {
      uploadUrl,
      completeUrl,
      chunkSize,
      headers: () => ({ ...this.token.headers(), ...csrfHeaders() }),
      added: (upload) => this.#add(upload),
      changed: (upload) => this.#show(upload),
    })
    const names = unfinished(uploadUrl).map(({ name, size, offset }) => `${name} (${percent(offset, size)})`)
    if (names.length) this.#say(`Unfinished: ${names.join(', ')}. Choose the file again, and its upload goes on.`)
  }

  #add(upload) {
    const { file, key } = upload
    const { maxLength } = this.options
    const same = [...this.rows.values()].find((row) => row.upload.key === key)
    if (maxLength && file.size > maxLength) {
      this.#say(`${file.name} is too large: up to ${readableBytes(maxLength)} are taken.`)
    } else if (same) {
      this.#say(`${file.name} is in the list already.`)
    } else {
      this.rows.set(upload, new Row(upload))
      this.list.append(this.rows.get(upload).element)
      upload.start()
    }
  }

  #show(upload) {
    const row = this.rows.get(upload)
    row.show()
    if (upload.state === row.state) return
    row.state = upload.state
    this.#announce(upload)
    if (['done', 'cancelled'].includes(upload.state)) this.#remove(row)
  }

  /** What has happened, for those who do not see it. */
  #announce({ state, status, problem, id, file }) {
    const { name, size } = file
    if (state === 'done') this.finished.add({ id, name, size }, this.options.filesUrl + id)
    if (state === 'paused') this.#say(`${name} is paused.`)
    if (state === 'cancelled') this.#say(`${name} is cancelled.`)
    if (state === 'failed') this.#say(`${name} failed. ${problem}`)
    if (state === 'failed' && NEEDS_LOGIN.includes(status)) this.token.ask()
  }

  #remove({ upload, element: item }) {
    // a focus must not get lost with the button that has it
    if (item.contains(document.activeElement)) document.getElementById('tusbridge-files').focus()
    item.remove()
    this.rows.delete(upload)
  }

  #goOnWithToken() {
    for (const { upload } of this.rows.values()) {
      if (upload.state === 'failed' && NEEDS_LOGIN.includes(upload.status)) upload.start()
    }
  }

  #say(text) {
    this.said.textContent = text
  }
}

/** Django's token, where the page has its {% csrf_token %}. */
function csrfHeaders() {
  const field = document.querySelector('[name=csrfmiddlewaretoken]')
  return field ? { 'X-CSRFToken': field.value } : {}
}

function percent(part, whole) {
  return `${whole ? Math.floor((100 * part) / whole) : 100} %`
}

new Page(readOptions()).start()
