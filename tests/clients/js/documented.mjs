// Uploads one file as a block of the documentation says, and prints what came of it.
//
// {endpoint, file, block, tokenFile}  ->  {url, ok, error, requests}
//
// block: JavaScript from the documentation, `new tus.Upload(file, {...})`
// tokenFile: where the present token is; it is read when the page has none, and when it was told to forget it
import { createReadStream, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const frontend = new URL('../../../frontend/package.json', import.meta.url)
const tus = createRequire(frontend)('tus-js-client')
const { endpoint, file, block, tokenFile } = JSON.parse(process.argv[2])
const result = { url: null, ok: false, error: null, requests: [] }
let token = null

const freshToken = async () => (token ??= readFileSync(tokenFile, 'utf8').trim())
const forgetToken = () => {
  token = null
}
const make = new Function('tus', 'file', 'freshToken', 'forgetToken', `return ${block.replace("'/files/'", 'ENDPOINT').replace('ENDPOINT', JSON.stringify(endpoint))}`)
const upload = make(tus, createReadStream(file), freshToken, forgetToken)
const { onAfterResponse } = upload.options

Object.assign(upload.options, {
  chunkSize: 1024 * 1024,
  onAfterResponse: (request, response) => {
    const [method, url, status] = [request.getMethod(), request.getURL(), response.getStatus()]
    result.requests.push({ method, url, fields: {}, status })
    return onAfterResponse?.(request, response)
  },
  onError: (error) => Object.assign(result, { error: String(error) }),
  onSuccess: () => Object.assign(result, { ok: true, url: upload.url }),
})
upload.start()
process.once('beforeExit', () => process.stdout.write(`${JSON.stringify(result)}\n`))
