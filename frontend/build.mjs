// Writes the minified upload.js and upload.css, and the licences of what is in them, to the package's static folder.
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = dirname(fileURLToPath(import.meta.url))
const target = process.env.TUSBRIDGE_STATIC ?? join(here, '..', 'tusbridge', 'static', 'tusbridge')

/** The folders of the packages that ended up in a bundle, in the order of their names. */
function packagesIn(inputs) {
  const folder = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/
  const found = Object.keys(inputs).map((input) => input.match(folder)?.[0])
  return [...new Set(found.filter(Boolean))].sort()
}

/** The name, version and licence text of one package: what its licence asks a copy to carry. */
async function notice(folder) {
  const about = JSON.parse(await readFile(join(here, folder, 'package.json'), 'utf8'))
  const names = await readdir(join(here, folder))
  const file = names.find((name) => /^licen[cs]e/i.test(name))
  const text = file ? await readFile(join(here, folder, file), 'utf8') : ''
  return `${about.name} ${about.version} (${about.license})\n\n${text.trim()}\n`
}

await mkdir(target, { recursive: true })
const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: ['src/upload.js'],
  outdir: target,
  bundle: true,
  minify: true,
  format: 'iife',
  // Two years of browsers; Uppy itself needs no less.
  target: ['es2022', 'chrome111', 'firefox115', 'safari16.4'],
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
})
const notices = await Promise.all(packagesIn(metafile.inputs).map(notice))
await writeFile(join(target, 'upload.licenses.txt'), notices.join(`\n${'-'.repeat(72)}\n\n`))
for (const [file, { bytes }] of Object.entries(metafile.outputs)) {
  console.log(`${relative(join(here, '..'), join(here, file))}  ${(bytes / 1024).toFixed(0)} KiB`)
}
