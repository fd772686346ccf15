/** Search engines for tests: what Maven Central has of them for integration tests, fetched at first use. */
import { execFile } from 'node:child_process'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { unzipSync } from 'fflate'
import { errorCode } from '../../../runtime/errors.ts'
import { cached } from '../cached-package.ts'
import { type Java, newestJava } from '../java.ts'

export interface Engine {
  readonly title: string
  readonly name: 'opensearch' | 'elasticsearch'
  readonly version: string
  /** Of Java, at least. */
  readonly java: number
}

export interface EnginePrograms {
  readonly engine: Engine
  readonly java: Java
  /** Unpacked: below it `bin/`, `lib/`, `modules/`. */
  readonly home: string
}

const OPENSEARCH_3: Engine = { title: 'OpenSearch 3', name: 'opensearch', version: '3.6.0', java: 21 }
const OPENSEARCH_2: Engine = { title: 'OpenSearch 2', name: 'opensearch', version: '2.19.6', java: 11 }
export const ELASTICSEARCH: Engine = {
  title: 'Elasticsearch 8',
  name: 'elasticsearch',
  version: '8.19.21',
  java: 17,
}

/** The newest that this machine's Java runs. */
export async function openSearch(): Promise<Engine> {
  const java = await newestJava()
  return java !== undefined && java.major >= OPENSEARCH_3.java ? OPENSEARCH_3 : OPENSEARCH_2
}

/** Rejects, saying why, if it cannot run here or cannot be fetched. */
export async function enginePrograms(engine: Engine): Promise<EnginePrograms> {
  const java = await newestJava()
  if (java === undefined) throw new Error(`${engine.title} needs Java ${engine.java}, and there is none here`)
  if (java.major < engine.java)
    throw new Error(`${engine.title} needs Java ${engine.java}, and here is Java ${java.major}`)
  const home = await cached(engine.name, engine.version, work => unpack(engine, work))
  return { engine, java, home }
}

async function unpack({ name, version }: Engine, work: string): Promise<string> {
  const group = name === 'opensearch' ? 'org.opensearch' : 'org.elasticsearch'
  const artifact = `${group}.distribution.integ-test-zip:${name}:${version}:zip`
  const copy = ['dependency:copy', `-Dartifact=${artifact}`, `-DoutputDirectory=${work}`]
  await promisify(execFile)('mvn', ['--batch-mode', '--quiet', ...copy], { cwd: work }).catch(error => {
    const why = errorCode(error) === 'ENOENT' ? 'there is no mvn here' : 'mvn cannot get it'
    throw new Error(`${artifact} cannot be fetched: ${why}`)
  })
  const archive = join(work, `${name}-${version}.zip`)
  const files = unzipSync(await readFile(archive))
  await rm(archive)
  for (const [file, bytes] of Object.entries(files)) {
    const place = join(work, file)
    if (!place.startsWith(work)) throw new Error(`${artifact} holds a file outside of itself`)
    if (file.endsWith('/')) continue
    await mkdir(dirname(place), { recursive: true })
    await writeFile(place, bytes, { mode: file.includes('/bin/') ? 0o755 : 0o644 })
  }
  return join(work, `${name}-${version}`)
}
