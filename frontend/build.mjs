// Writes the minified scripts and styles of both upload pages, and the licences of what is in them, to the package's
// static folder.
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

/** One page's script and style, and its licences. */
async function bundle(name) {
  const { metafile } = await build({
    absWorkingDir: here,
    entryPoints: [`src/${name}.js`],
    outdir: target,
    bundle: true,
    minify: true,
    format: 'iife',
    // Two years of browsers; Uppy itself needs no less.
    target: ['es2022', 'chrome111', 'firefox115', 'safari16.4'],
    // What packages carry of others says so in a comment only.
    legalComments: 'eof',
    metafile: true,
    logLevel: 'warning',
  })
  const notices = await Promise.all(packagesIn(metafile.inputs).map(notice))
  await writeFile(join(target, `${name}.licenses.txt`), notices.join(`\n${'-'.repeat(72)}\n\n`))
  return Object.entries(metafile.outputs)
}

await mkdir(target, { recursive: true })
for (const name of ['upload', 'legacy']) {
  for (const [file, { bytes }] of await bundle(name)) {
    console.log(`${relative(join(here, '..'), join(here, file))}  ${(bytes / 1024).toFixed(0)} KiB`)
  }
}
