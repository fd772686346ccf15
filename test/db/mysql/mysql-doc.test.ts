/** The examples of docs/mysql.md, as they stand there. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from '@jest/globals'
import { loadConfig } from '../../../config/load.ts'
import { createLogger } from '../../../runtime/logger.ts'
import type { SourceConfig } from '../../../runtime/pipeline-config.ts'
import { describeFlavors } from '../../support/mysql/flavors.ts'

const page = await readFile(new URL('../../../docs/mysql.md', import.meta.url), 'utf8')

function block(kind: string): string {
  const found = new RegExp(`^\`\`\`${kind}\n(.*?)^\`\`\`$`, 'ms').exec(page)?.[1]
  if (found === undefined) throw new Error(`docs/mysql.md has no block "${kind}"`)
  return found
}

async function configured(yaml: string, url: string): Promise<SourceConfig> {
  const folder = await mkdtemp(join(tmpdir(), 'tailrace-mysql-doc-'))
  try {
    const file = join(folder, 'tailrace.yaml')
    await writeFile(file, yaml)
    return (await loadConfig(file, { DATABASE_URL: url })).sources[0]!
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** What keeps the source from its start: of `check`, and of the start itself. */
async function troubles({ plugin, options, name }: SourceConfig): Promise<string[]> {
  const context = { pipeline: 'storefront', name, logger: createLogger('silent'), folder: '' }
  const signal = AbortSignal.timeout(30_000)
  const findings = await plugin.check!(options, context, signal)
  await using source = await plugin.open(options, context)
  const started = await source.start(undefined, signal).then(
    loads => `begins with ${loads.length}`,
    (error: { code: string }) => error.code,
  )
  return [...findings.filter(({ level }) => level === 'error').map(({ code }) => code), started]
}

await describeFlavors((server, flavor) => {
  it('with the user of the page the configuration of the page begins, also with cascades', async () => {
    const native = flavor === 'mysql' ? ['--loose-innodb-native-foreign-keys=ON'] : []
    await server().restart(native)
    await server().query('CREATE DATABASE shop; CREATE TABLE shop.orders (id int PRIMARY KEY)')
    await server().query(block(`sql ${flavor}`))
    const { host } = new URL(server().url())
    const url = `mysql://tailrace:a%20secret@${host}/`
    const yaml = block('yaml')
    expect(await troubles(await configured(yaml, url))).toEqual(['begins with 1'])
    await server().query(
      'CREATE TABLE shop.lines (id int PRIMARY KEY, o int, FOREIGN KEY (o) REFERENCES shop.orders (id) ON DELETE CASCADE)',
    )
    expect(await troubles(await configured(yaml, url))).toEqual(['CASCADES_UNLOGGED', 'CASCADES_UNLOGGED'])
    const indented = block('yaml source').replaceAll(/^/gm, '    ').trimEnd()
    const mended = yaml.replace('    type: mysql\n', `    type: mysql\n${indented}\n`)
    expect(await troubles(await configured(mended, url))).toEqual(['begins with 2'])
  })
})
