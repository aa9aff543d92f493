import { element, readableBytes } from './elements.js'

/** The list of finished uploads under the dashboard, read out as it grows. */
export class FinishedUploads {
  constructor(token) {
    this.token = token
    this.list = element('ul')
    this.status = element('p', { role: 'status' }, 'Nothing uploaded yet.')
    this.status.setAttribute('aria-live', 'polite')
    this.element = element(
      'section',
      { className: 'tusbridge-finished' },
      element('h2', { id: 'tusbridge-finished' }, 'Finished uploads'),
      this.status,
      this.list,
    )
    this.element.setAttribute('aria-labelledby', 'tusbridge-finished')
  }

  add({ name, size }, url) {
    const link = element('a', { href: url, download: name }, name)
    link.addEventListener('click', (event) => this.#followWithToken(event, link))
    this.list.append(element('li', {}, link, element('span', {}, readableBytes(size))))
    const count = this.list.childElementCount
    const total = count === 1 ? '1 file' : `${count} files`
    this.status.textContent = `${name} is uploaded. ${total} in all.`
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
