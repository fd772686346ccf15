/** Programs of images of Docker Hub with every library they load, taken out of the image into the cache at first use. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { cached } from './cached-package.ts'
import type { Program } from './debian-package.ts'

const run = promisify(execFile)

/** `undefined` where Docker answers, or why it does not. `docker`: its client. */
export async function dockerProblem(docker = 'docker'): Promise<string | undefined> {
  return await run(docker, ['version', '--format', '{{.Server.Version}}'], { timeout: 10_000 }).then(
    () => undefined,
    () => 'no Docker answers',
  )
}

/**
 * The folder that holds `files` of the image, patterns of paths from its root; what the image does not have is left
 * out. Nothing of the image is run. Rejects where Docker does not answer or has not the image.
 */
export async function imageFiles(image: string, files: readonly string[], docker = 'docker'): Promise<string> {
  return await cached('images', `${image.replaceAll(/[^\w.]/g, '-')}-${process.arch}`, async work => {
    const problem = await dockerProblem(docker)
    if (problem !== undefined) throw new Error(problem)
    const { stdout } = await run(docker, ['create', image])
    const container = stdout.trim().split('\n').at(-1)!
    try {
      const root = join(work, 'root')
      await mkdir(root)
      await unpack(docker, container, root, files)
      return root
    } finally {
      await run(docker, ['rm', container])
    }
  })
}

/** How to run a program of an image: by the image's own loader and with its own libraries. */
export async function imageProgram(home: string, path: string): Promise<Program> {
  const libraries = ['usr/lib64', 'usr/lib64/mysql/private', 'usr/lib'].map(folder => join(home, folder))
  for (const folder of libraries) {
    if (!existsSync(folder)) continue
    const loader = (await readdir(folder)).find(name => name.startsWith('ld-linux'))
    if (loader === undefined) continue
    const before = ['--argv0', basename(path), '--library-path', libraries.filter(existsSync).join(':')]
    return [join(folder, loader), ...before, join(home, path)]
  }
  throw new Error(`no program loader among the files in ${home}`)
}

async function unpack(docker: string, container: string, root: string, files: readonly string[]): Promise<void> {
  const patterns = files.flatMap(file => [file, `${file}/*`])
  const tar = spawn('tar', ['-x', '--wildcards', '--no-same-owner', '-C', root, ...patterns], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  const exporting = spawn(docker, ['export', container], { stdio: ['ignore', 'pipe', 'ignore'] })
  exporting.stdout.pipe(tar.stdin)
  // A pattern that matches nothing is an error of tar's, told only after the rest is there.
  tar.stdin.on('error', () => {})
  const [[code]] = (await Promise.all([once(exporting, 'exit'), once(tar, 'exit')])) as [[number | null], unknown]
  if (code !== 0) throw new Error(`docker export ended with ${code}`)
}
