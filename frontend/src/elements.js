/** A new element with properties and children. */
export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties)
  made.append(...children)
  return made
}

/** Bytes as a person reads them: 6 MiB, 1.5 GiB. */
export function readableBytes(bytes) {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']
  const step = bytes > 0 ? Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1) : 0
  const number = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })
  return `${number.format(bytes / 1024 ** step)} ${units[step]}`
}
