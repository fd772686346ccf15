// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the configuration's own variables
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { loadConfig } from '../../../config/load.ts'
import { isTailraceError, type TailraceError } from '../../../runtime/errors.ts'
import { redact } from '../../../runtime/logger.ts'

const FIXTURES = resolve(import.meta.dirname, 'fixtures')
const SOURCE = join(FIXTURES, 'source.ts')
const SINK = join(FIXTURES, 'sink.ts')

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tailrace-config-'))
})
afterAll(() => rm(folder, { recursive: true }))

const GOOD = `pipeline: storefront
log:
  type: memory
sources:
  app:
    type: ${SOURCE}
    url: \${DATABASE_URL}
    tables: [public.customers, public.order_*]
sinks:
  search:
    type: ${SINK}
    path: ./out
    tables: [app.public.customers]
`

const ENVIRONMENT = { DATABASE_URL: 'postgres://tom:hunter42!@db/shop' }

async function load(text: string, environment: Record<string, string> = ENVIRONMENT) {
  const file = join(folder, 'tailrace.yaml')
  await writeFile(file, text)
  return await loadConfig(file, environment)
}

async function refusal(text: string, environment?: Record<string, string>): Promise<TailraceError> {
  const error: unknown = await load(text, environment).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!isTailraceError(error)) throw new Error(`not refused with a code: ${String(error)}`)
  return error
}

describe('a configuration that is right', () => {
  it('comes out with its defaults, its variables and absolute paths', async () => {
    const config = await load(GOOD)
    expect(config.pipeline).toBe('storefront')
    expect(config.log.path).toBe(join(folder, 'data'))
    expect(config.http).toEqual({ host: '127.0.0.1', port: 8245, token: undefined })
    expect(config.sources[0]?.options).toEqual({
      url: ENVIRONMENT.DATABASE_URL,
      tables: ['public.customers', 'public.order_*'],
      snapshot: 'initial',
      connections: 2,
    })
    const [sink] = config.sinks
    expect(sink?.options).toEqual({ path: join(folder, 'out') })
    expect(sink).toMatchObject({
      name: 'search',
      type: SINK,
      tables: ['app.public.customers'],
      onDelete: 'delete',
      onReject: 'quarantine',
      maxQuarantined: 1000,
      batch: { rows: 5000, bytes: 8 * 1024 * 1024, wait: 0 },
    })
  })

  it('makes the passwords in it known to the logger', async () => {
    await load(GOOD)
    expect(redact('the password was hunter42!')).toBe('the password was ***')
  })

  it('takes numbers from variables where numbers are wanted, and text where text is', async () => {
    const config = await load(GOOD.replace('    tables: [public', '    connections: ${N}\n    tables: [public'), {
      ...ENVIRONMENT,
      N: '7',
    })
    expect(config.sources[0]?.options).toMatchObject({ connections: 7 })
  })

  it('reads defaults, secret files and dollars after parsing, so that no value can change the structure', async () => {
    await writeFile(join(folder, 'secret'), 'from a file: {x}\n')
    const config = await load(
      GOOD.replace('path: ./out', () => 'path: ./out\n    name: "${file:secret} $$ ${NO:-none} ${YES}"'),
      { ...ENVIRONMENT, YES: 'a: b\nc' },
    )
    expect(config.sinks[0]?.options).toMatchObject({ name: 'from a file: {x} $ none a: b\nc' })
  })

  it('keeps the embedded log in ./data unless told otherwise', async () => {
    const config = await load(GOOD.replace('log:\n  type: memory\n', ''))
    expect(config.log.plugin.type).toBe('embedded')
    expect(config.log.options).toMatchObject({ path: join(folder, 'data') })
  })

  it('can do without HTTP', async () => {
    expect((await load(`${GOOD}http: false\n`)).http).toBeUndefined()
  })

  it('shares values by anchors', async () => {
    const text = GOOD.replace('[app.public.customers]', '&some [app.public.customers]')
    const config = await load(`${text}  other:\n    type: ${SINK}\n    path: ./other\n    tables: *some\n`)
    expect(config.sinks.map(sink => sink.tables)).toEqual([['app.public.customers'], ['app.public.customers']])
  })

  it('reads how long a batch may wait', async () => {
    const config = await load(`${GOOD}    batch:\n      wait: 5ms\n      bytes: 64KB\n`)
    expect(config.sinks[0]?.batch).toEqual({ rows: 5000, bytes: 65_536, wait: 5 })
  })
})

const WRONG: [promise: string, text: string, code: string, message: RegExp, hint?: RegExp][] = [
  ['a key written twice', `${GOOD}pipeline: again\n`, 'CONFIG_SYNTAX', /yaml:14:1: Map keys must be unique/],
  ['an unknown tag, of which the parser only warns', 'pipeline: !x y\n', 'CONFIG_SYNTAX', /yaml:1:11: .*!x/],
  ['a tab for indentation', 'log:\n\tpath: x\n', 'CONFIG_SYNTAX', /yaml:2:1: /],
  ['two documents', `${GOOD}---\na: 1\n`, 'CONFIG_SYNTAX', /yaml:14:1: /],
  ['a variable in braces without quotes', 'log: {path: ${X}}\n', 'CONFIG_SYNTAX', /yaml:1:14: /, /must be quoted/],
  ['a key that is no text', `${GOOD}7: x\n`, 'CONFIG_SYNTAX', /yaml:14:1: A key must be text/],
  ['a key that reaches into objects', `${GOOD}__proto__: x\n`, 'CONFIG_UNKNOWN_KEY', /yaml:14:1: The key "__proto__"/],
  ['an empty file', '', 'CONFIG_INVALID', /yaml:1:1: /],
  ['a list for a file', '- a\n', 'CONFIG_INVALID', /yaml:1:1: must be a block of keys/],
  ['an unknown key on top', `${GOOD}sinsk: {}\n`, 'CONFIG_UNKNOWN_KEY', /yaml:14:1: sinsk: unknown key/, /"sinks"/],
  [
    'an unknown key of a plugin',
    GOOD.replace('    url:', '    tabels: []\n    url:'),
    'CONFIG_UNKNOWN_KEY',
    /yaml:7:5: sources.app.tabels: unknown key/,
    /"tables"/,
  ],
  [
    'an unknown key deep in a plugin',
    GOOD.replace('    url:', '    columns:\n      msk: {}\n      mask: {}\n    url:'),
    'CONFIG_UNKNOWN_KEY',
    /yaml:8:7: sources.app.columns.msk: unknown key/,
    /"mask"/,
  ],
  [
    'an unknown key of a sink, near one that every sink has',
    GOOD.replace('    path: ./out', '    path: ./out\n    onRejcet: stop'),
    'CONFIG_UNKNOWN_KEY',
    /sinks.search.onRejcet/,
    /"onReject"/,
  ],
  [
    'a name that is too long',
    GOOD.replace('  app:', `  ${'a'.repeat(23)}:`),
    'CONFIG_INVALID',
    /yaml:5:3: .*a name is/,
  ],
  [
    'a reserved name',
    GOOD.replace('  app:', '  view:'),
    'CONFIG_INVALID',
    /yaml:5:3: sources.view: this name is reserved/,
  ],
  [
    'a pipeline in capitals',
    GOOD.replace('storefront', 'Storefront'),
    'CONFIG_INVALID',
    /yaml:1:11: pipeline: a pipeline is/,
  ],
  [
    'no source',
    GOOD.replace(/sources:[\s\S]*sinks/, 'sources: {}\nsinks').replace(/ {4}tables.*\n$/, ''),
    'CONFIG_INVALID',
    /sources: needs at least one/,
  ],
  ['a missing option', GOOD.replace(/ {4}url.*\n/, ''), 'CONFIG_INVALID', /yaml:5:3: sources.app.url: is missing/],
  ['an option left empty', GOOD.replace('${DATABASE_URL}', ''), 'CONFIG_INVALID', /sources.app.url: is empty/],
  [
    'a value out of a list',
    GOOD.replace('    url', '    snapshot: intial\n    url'),
    'CONFIG_INVALID',
    /yaml:7:15: sources.app.snapshot: must be initial or never/,
    /"initial"/,
  ],
  [
    'text for a number',
    GOOD.replace('    url', '    connections: "3"\n    url'),
    'CONFIG_INVALID',
    /connections: must be a number/,
  ],
  [
    'a size without unit',
    GOOD.replace('    path: ./out', '    path: ./out\n    batch:\n      bytes: 64'),
    'CONFIG_INVALID',
    /batch.bytes: a size is written as/,
  ],
  [
    'a variable that is not set',
    GOOD.replace('DATABASE_URL', 'NOT_SET'),
    'CONFIG_VARIABLE',
    /yaml:7:10: .*NOT_SET is not set/,
    /export NOT_SET=/,
  ],
  ['a variable never closed', GOOD.replace('${DATABASE_URL}', '${DATABASE_URL'), 'CONFIG_VARIABLE', /never closed/],
  [
    'a secret file that is not there',
    GOOD.replace('${DATABASE_URL}', '${file:/no/such}'),
    'CONFIG_VARIABLE',
    /\/no\/such cannot be read \(ENOENT\)/,
  ],
  [
    'a plugin that is not there',
    GOOD.replace('type: memory', 'type: memry'),
    'CONFIG_PLUGIN',
    /yaml:3:9: log.type: /,
    /"memory"/,
  ],
  [
    'a table of no source',
    GOOD.replace('app.public.customers', 'ap.public.customers'),
    'CONFIG_TABLE',
    /yaml:13:14: sinks.search.tables\[0\]: there is no source "ap"/,
    /"app"/,
  ],
  [
    'a table that its source does not capture',
    GOOD.replace('app.public.customers', 'app.public.custmers'),
    'CONFIG_TABLE',
    /no source captures/,
    /"app.public.customers"/,
  ],
  [
    'a table without its source',
    GOOD.replace('app.public.customers', 'public.customers'),
    'CONFIG_PATTERN',
    /2 parts where source.schema.table/,
    /double-quoted/,
  ],
  [
    'two sinks in one place',
    `${GOOD}  again:\n    type: ${SINK}\n    path: out\n`,
    'CONFIG_CLASH',
    /yaml:16:11: sinks.again.path: is also where the sink "search" writes/,
  ],
  ['a sink in the log', GOOD.replace('./out', './data'), 'CONFIG_CLASH', /is the folder of the log/],
  [
    'listening to the world without a token',
    `${GOOD}http:\n  listen: 0.0.0.0:8245\n`,
    'CONFIG_TOKEN',
    /http.listen: /,
    /token/,
  ],
  ['a port beyond all ports', `${GOOD}http:\n  listen: 127.0.0.1:70000\n`, 'CONFIG_INVALID', /65535/],
]

describe('a configuration that is wrong is refused with code, place and hint:', () => {
  for (const [promise, text, code, message, hint] of WRONG)
    it(promise, async () => {
      const error = await refusal(text)
      expect(error.code).toBe(code)
      expect(error.recovery).toBe('stop')
      expect(error.message).toMatch(message)
      if (hint !== undefined) expect(error.hint).toMatch(hint)
    })

  it('everything at once, in the order of the file', async () => {
    const error = await refusal(
      GOOD.replace('storefront', 'X').replace('./out', './data').replace('app.public.c', 'b.public.c'),
    )
    expect(error.message.split('\n').map(line => line.match(/: ([a-z0-9.[\]]+): /)?.[1])).toEqual([
      'pipeline',
      'sinks.search.path',
      'sinks.search.tables[0]',
    ])
  })

  it('a file that is not there', async () => {
    await expect(loadConfig(join(folder, 'none.yaml'))).rejects.toMatchObject({
      code: 'CONFIG_MISSING',
      hint: expect.stringContaining('tailrace init'),
    })
  })

  it('aliases that multiply without bound', async () => {
    let text = 'a: &a [x, x, x, x, x, x, x, x, x]\n'
    for (const [one, next] of ['ab', 'bc', 'cd', 'de', 'ef', 'fg', 'gh', 'hi'])
      text += `${next}: &${next} [${`*${one}, `.repeat(9)}]\n`
    expect((await refusal(text)).message).toMatch(/alias count/)
  })

  it('without repeating a value that may be a secret', async () => {
    const error = await refusal(GOOD, { DATABASE_URL: 'no url but hunter43' })
    expect(error.message).toMatch(/sources.app.url/)
    expect(`${error.message} ${error.hint}`).not.toContain('hunter43')
  })
})
