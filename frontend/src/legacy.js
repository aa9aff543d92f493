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
    // What is being checked cannot be paused. A disabled button would lose the focus.
    this.toggle.ariaDisabled = state === 'checking'
  }

  #toggle() {
    if (['paused', 'failed'].includes(this.upload.state)) this.upload.start()
    else if (this.upload.state !== 'checking') this.upload.pause()
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

// The plugin replaces the field by a new one after each choice: it has to be looked up.
const FILES = 'tusbridge-files'
// The contract answers 403 where nobody is logged in.
const NEEDS_LOGIN = [401, 403]

/** The whole of it: the list, and what is said aloud. */
class Page {
  constructor(options) {
    this.options = options
    this.rows = new Map()
    this.list = document.getElementById('tusbridge-uploads')
    this.said = document.getElementById('tusbridge-said')
    this.token = new AccessToken(options.token)
    this.finished = new FinishedUploads(this.token)
    this.list.after(this.token.form(() => this.#goOnWithToken()), this.finished.element)
  }

  start() {
    const { uploadUrl, completeUrl, chunkSize } = this.options
    takeFiles(document.getElementById(FILES), {
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
    this.#announce(upload, row.state)
    row.state = upload.state
    if (['done', 'cancelled'].includes(upload.state)) this.#remove(row)
  }

  /** What has happened, for those who do not see it. */
  #announce(upload, before) {
    const { state, status, problem, file } = upload
    if (state === 'done') this.#finish(upload)
    if (state === 'paused') this.#say(`${file.name} is paused.`, upload)
    if (state === 'uploading' && before === 'paused') this.#say(`${file.name} goes on.`, upload)
    if (state === 'uploading' && before === 'failed') this.#say(`${file.name} is tried again.`, upload)
    if (state === 'cancelled') this.#say(`${file.name} is cancelled.`)
    if (state === 'failed') this.#say(`${file.name} failed. ${problem}`, upload)
    if (state === 'failed' && NEEDS_LOGIN.includes(status)) this.token.ask()
  }

  #finish(upload) {
    const { id, file } = upload
    // what was said of it before is over
    if (this.saidAbout === upload) this.#say('')
    this.finished.add({ id, name: file.name, size: file.size }, this.options.filesUrl + id)
  }

  #remove({ upload, element: item }) {
    // a focus must not get lost with the button that has it
    if (item.contains(document.activeElement)) document.getElementById(FILES).focus()
    item.remove()
    this.rows.delete(upload)
  }

  #goOnWithToken() {
    for (const { upload } of this.rows.values()) {
      if (upload.state === 'failed' && NEEDS_LOGIN.includes(upload.status)) upload.start()
    }
  }

  #say(text, upload = null) {
    this.said.textContent = text
    this.saidAbout = upload
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
