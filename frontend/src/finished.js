import { element, readableBytes } from './elements.js'

const KEY = 'tusbridge-finished'

/**
 * The list of finished uploads under the dashboard, read out as it grows.
 * It lives in sessionStorage: this tab only, through reloads, gone when it closes.
 */
export class FinishedUploads {
  constructor(token) {
    this.token = token
    this.uploads = JSON.parse(sessionStorage.getItem(KEY) ?? '[]')
    this.list = element('ul')
    this.status = element('p', { role: 'status' })
    this.status.setAttribute('aria-live', 'polite')
    this.element = element(
      'section',
      { className: 'tusbridge-finished' },
      element('h2', { id: 'tusbridge-finished' }, 'Finished uploads'),
      this.status,
      this.list,
    )
    this.element.setAttribute('aria-labelledby', 'tusbridge-finished')
    this.uploads.forEach((upload) => this.#show(upload))
    this.status.textContent = this.uploads.length ? `${this.#total()}.` : 'Nothing uploaded yet.'
  }

  /** Twice the same upload is once: after a reload, an upload may turn out to have been finished. */
  add({ id, name, size }, url) {
    if (this.#has(url)) return
    this.uploads.push({ id, name, size, url })
    sessionStorage.setItem(KEY, JSON.stringify(this.uploads))
    this.#show({ name, size, url })
    this.status.textContent = `${name} is uploaded. ${this.#total()} in all.`
  }

  /**
   * Whether what Uppy remembers of a file is from before its upload was finished. Uppy writes that down twice a second
   * at most, and drops its copy of the file at once.
   */
  knows({ id, isGhost, tus }) {
    if (tus?.uploadUrl) return this.#has(tus.uploadUrl)
    return isGhost && this.uploads.some((upload) => upload.id === id)
  }

  #has(url) {
    return this.uploads.some((upload) => upload.url === url)
  }

  #total() {
    const count = this.uploads.length
    return count === 1 ? '1 file' : `${count} files`
  }

  #show({ name, size, url }) {
    const link = element('a', { href: url, download: name }, name)
    link.addEventListener('click', (event) => this.#followWithToken(event, link))
    this.list.append(element('li', {}, link, element('span', {}, readableBytes(size))))
  }

  /** A plain link carries no access token, so with one the script fetches the file itself. */
  async #followWithToken(event, link) {
    if (!this.token.value) return
    event.preventDefault()
    try {
      save(await fetchFile(link.href, this.token.headers()), link.download)
    } catch (error) {
      this.status.textContent = `${link.textContent} could not be read: ${error.message}`
    }
  }
}

async function fetchFile(url, headers) {
  const response = await fetch(url, { headers })
  if (!response.ok) throw new Error(`the server answered ${response.status}.`)
  return response.blob()
}

/** Hand a file to the person, as following a link to it would. */
function save(blob, name) {
  const url = URL.createObjectURL(blob)
  element('a', { href: url, download: name }).click()
  // The download has begun long before; until then the URL has to hold.
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}
