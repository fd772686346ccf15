import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { imageFiles, imageProgram } from '../support/image-files.ts'

/** $1 the verb. Has one image, whose files lie in `image`, and notes what it was asked. */
const docker = (folder: string): string => `#!/bin/sh
cd ${folder}
echo "$@" >> notes
case $1 in
  version) echo 27.0.1 ;;
  create) [ "$2" = mill:1 ] && echo 5f1c || { echo "no such image" >&2; exit 1; } ;;
  export) tar -c -C image etc usr ;;
esac
`

let folder: string
let client: string
const { TAILRACE_CACHE } = process.env
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tailrace-image-'))
  client = join(folder, 'docker')
  for (const path of ['image/etc', 'image/usr/sbin', 'image/usr/lib64/mysql/private', 'image/usr/share/doc'])
    await mkdir(join(folder, path), { recursive: true })
  const files = { 'etc/shadow': '', 'usr/sbin/mysqld': 'server', 'usr/share/doc/text': '', 'usr/lib64/libc.so.6': '' }
  for (const [path, text] of Object.entries(files)) await writeFile(join(folder, 'image', path), text)
  await symlink('libc.so.6', join(folder, 'image/usr/lib64/ld-linux-x86-64.so.2'))
  await writeFile(client, docker(folder), { mode: 0o755 })
  process.env.TAILRACE_CACHE = join(folder, 'cache')
})
afterEach(async () => {
  if (TAILRACE_CACHE === undefined) delete process.env.TAILRACE_CACHE
  else process.env.TAILRACE_CACHE = TAILRACE_CACHE
  await rm(folder, { recursive: true })
})

it('takes the files that are asked for out of an image, once, and leaves no container behind', async () => {
  const wanted = ['usr/sbin/mysqld', 'usr/lib64', 'usr/bin/mysql*']
  const home = await imageFiles('mill:1', wanted, client)
  expect(await imageFiles('mill:1', wanted, client)).toBe(home)
  expect(await readFile(join(home, 'usr/sbin/mysqld'), 'utf8')).toBe('server')
  await expect(readFile(join(home, 'etc/shadow'))).rejects.toMatchObject({ code: 'ENOENT' })
  await expect(readFile(join(home, 'usr/share/doc/text'))).rejects.toMatchObject({ code: 'ENOENT' })
  const asked = (await readFile(join(folder, 'notes'), 'utf8')).trim().split('\n').slice(1)
  expect(asked).toEqual(['create mill:1', 'export 5f1c', 'rm 5f1c'])
  const [loader, ...args] = await imageProgram(home, 'usr/sbin/mysqld')
  expect(loader).toBe(join(home, 'usr/lib64/ld-linux-x86-64.so.2'))
  const libraries = [join(home, 'usr/lib64'), join(home, 'usr/lib64/mysql/private')].join(':')
  expect(args).toEqual(['--argv0', 'mysqld', '--library-path', libraries, join(home, 'usr/sbin/mysqld')])
})

it('says why an image cannot be had', async () => {
  await expect(imageFiles('mill:2', ['usr'], client)).rejects.toThrow('no such image')
  await writeFile(client, '#!/bin/sh\nexit 1\n')
  await expect(imageFiles('mill:1', ['usr'], client)).rejects.toThrow('no Docker answers')
})
