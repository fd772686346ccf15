import { createHash } from 'node:crypto'
import { dirname, join, resolve } from 'node:path'
import { stringify } from 'yaml'
import type { ConfigDocument } from '../../config/document.ts'
import { parseConfig, readConfig } from '../../config/load.ts'
import { TailraceError } from '../errors.ts'
import type { PipelineConfig } from '../pipeline-config.ts'

export interface TestConfig {
  /** A file, the text of one (it has a line break), or the same as an object. */
  readonly config: string | object
  /** By name of a source, or of a sink: the `url` it has in this test. */
  readonly urls: Readonly<Record<string, string>>
  /** Where all that is named by a relative `path` is written. */
  readonly folder: string
}

/** The longest pipeline name is 31 characters, the mark takes 9. */
const LONGEST_NAME = 22

/**
 * The configuration as a test runs it: log and relative paths in `folder`, any free port, and a pipeline name of its
 * own, so that slots and targets of the pipeline that the file is about are never touched. The same databases give
 * the same name: what a killed run left there the next one takes over. Throws as loadConfig, and UNKNOWN_SOURCE.
 */
export async function testConfig({ config, urls, folder }: TestConfig): Promise<PipelineConfig> {
  const { file, text } = await written(config)
  const loaded = await parseConfig(text, {
    file,
    folder: dirname(resolve(file)),
    dataFolder: folder,
    environment: process.env,
    amend: document => amend(document, urls, folder),
  })
  const databases = JSON.stringify(loaded.sources.map(({ name, options }) => [name, options]))
  const mark = createHash('sha256').update(databases).digest('hex').slice(0, 8)
  return { ...loaded, pipeline: `${loaded.pipeline.slice(0, LONGEST_NAME)}_${mark}` }
}

async function written(config: string | object): Promise<{ file: string; text: string }> {
  if (typeof config === 'object')
    return { file: 'the configuration', text: stringify(config, { aliasDuplicateObjects: false }) }
  if (config.includes('\n')) return { file: 'the configuration', text: config }
  return { file: config, text: await readConfig(config) }
}

function amend(document: ConfigDocument, urls: TestConfig['urls'], folder: string): void {
  document.set(['log', 'path'], join(folder, 'log'))
  document.set(['http'], { listen: '127.0.0.1:0' })
  const sources = document.keys(['sources'])
  const sinks = document.keys(['sinks'])
  // A slot that the file names belongs to the pipeline that the file is about.
  for (const source of sources) document.set(['sources', source, 'slot'], undefined)
  for (const [name, url] of Object.entries(urls)) {
    const kind = sources.includes(name) ? 'sources' : 'sinks'
    if (kind === 'sinks' && !sinks.includes(name))
      throw new TailraceError('UNKNOWN_SOURCE', 'stop', `\`urls\` names "${name}", which the configuration has not.`, {
        hint: `It has the sources ${sources.join(', ') || '(none)'} and the sinks ${sinks.join(', ') || '(none)'}.`,
      })
    document.set([kind, name, 'url'], url.replaceAll('$', '$$$$'))
  }
}
