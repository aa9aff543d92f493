import { element } from './elements.js'

const KEY = 'tusbridge-token'

/**
 * The access token, and the field that asks for it.
 * A typed token lives in sessionStorage: this tab only, gone when it closes.
 */
export class AccessToken {
  constructor(given) {
    this.value = sessionStorage.getItem(KEY) ?? given
  }

  /** The header fields that carry the token; none without one. */
  headers() {
    return this.value ? { Authorization: `Bearer ${this.value}` } : {}
  }

  /** The hidden form; `accepted` is called after a person typed a token. */
  form(accepted) {
    this.input = element('input', {
      id: 'tusbridge-token',
      type: 'password',
      autocomplete: 'off',
      spellcheck: false,
      required: true,
    })
    this.input.setAttribute('aria-describedby', 'tusbridge-token-why')
    this.element = element(
      'form',
      { className: 'tusbridge-token', hidden: true },
      element('label', { htmlFor: 'tusbridge-token' }, 'Access token'),
      element('p', { id: 'tusbridge-token-why', role: 'alert' }),
      this.input,
      element('button', { type: 'submit' }, 'Use this token'),
    )
    this.element.addEventListener('submit', (event) => {
      event.preventDefault()
      this.#keep(this.input.value.trim())
      accepted()
    })
    return this.element
  }

  /** Show the field: the server refused the request as it was. */
  ask() {
    const why = this.value
      ? 'The server did not accept this token. Enter another one; your files are kept.'
      : 'This server asks for an access token. Your files are kept.'
    this.element.hidden = false
    this.element.querySelector('p').textContent = why
    this.input.value = ''
    this.input.focus()
  }

  #keep(token) {
    if (!token) return
    this.value = token
    sessionStorage.setItem(KEY, token)
    this.element.hidden = true
  }
}
