import { randomUUID } from 'node:crypto'
import type { SinkContext } from '../../runtime/contract.ts'
import { crashPoint } from '../../runtime/crash.ts'
import { TailraceError } from '../../runtime/errors.ts'
import type { Database } from '../duckdb-file/database.ts'
import { listedFiles, type Manifest, type Mode, manifestText, parseManifest } from './manifest.ts'
import type { Place } from './place.ts'
import { type Intent, SetState } from './state.ts'

export interface NextSet extends Pick<Manifest, 'sources' | 'tables'> {
  readonly gone: ReadonlySet<string>
  readonly settle?: () => Promise<void>
}

/** The sets of one sink: the manifest as this opening wrote it last, and the store's note of it. */
export class Sets {
  readonly place: Place
  readonly state: SetState
  readonly #database: Database
  #manifest: Manifest
  #tag: string

  private constructor(place: Place, database: Database, state: SetState, manifest: Manifest, tag: string) {
    this.place = place
    this.state = state
    this.#database = database
    this.#manifest = manifest
    this.#tag = tag
  }

  /**
   * Takes the place over: who opened it before is fenced off. Throws TARGET_TAKEN if it belongs to another pipeline or
   * sink, SINK_SCHEMA if it was written in another mode.
   */
  static async open(
    place: Place,
    database: Database,
    context: SinkContext,
    mode: Mode,
    signal: AbortSignal,
  ): Promise<Sets> {
    const { pipeline, name: sink } = context
    const found = await readOwn(place, context, mode, signal)
    const before = found?.manifest ?? newManifest(pipeline, sink, mode)
    const manifest: Manifest = { ...before, epoch: before.epoch + 1 }
    const tag = await place.replace(manifestText(manifest), found?.tag, signal)
    if (tag === undefined) throw fenced(place)
    return new Sets(place, database, new SetState(database, { pipeline, sink }), manifest, tag)
  }

  get manifest(): Manifest {
    return this.#manifest
  }

  /** What the store is to note before the first file of the next set is put. */
  intent(): Intent {
    return { set: randomUUID(), sequence: this.#manifest.sequence + 1 }
  }

  /**
   * Publishes the next set, which the store has noted as its intent. Files that are no longer in it go to those replaced.
   * `gone`: files of earlier sets that are no longer there. Durable on return, in the store too, where `settle` runs in
   * the same transaction. Throws SINK_FENCED, SINK_RESTORED.
   */
  async publish(
    { set, sequence }: Intent,
    { sources, tables, gone, settle }: NextSet,
    signal: AbortSignal,
  ): Promise<void> {
    const before = this.#manifest
    const writtenAt = new Date().toISOString()
    const next: Manifest = { ...before, set, sequence, writtenAt, sources, tables, replaced: [] }
    const stays = listedFiles(next)
    const isLeft = ({ path }: { path: string }): boolean => !stays.has(path) && !gone.has(path)
    const replaced = before.replaced.filter(isLeft)
    for (const { files } of Object.values(before.tables))
      for (const { path } of files.filter(isLeft)) replaced.push({ path, since: writtenAt })
    await this.#replace({ ...next, replaced }, signal)
    crashPoint('parquet.switched')
    await this.#database.transaction(async () => {
      await settle?.()
      await this.state.stand(set)
    })
  }

  async #replace(manifest: Manifest, signal: AbortSignal): Promise<void> {
    const tag = await this.place.replace(manifestText(manifest), this.#tag, signal)
    if (tag === undefined) throw await this.#lost(signal)
    this.#manifest = manifest
    this.#tag = tag
  }

  async #lost(signal: AbortSignal): Promise<TailraceError> {
    const now = await this.place.read(signal)
    const { epoch } = now === undefined ? { epoch: 0 } : parseManifest(now.text, this.place.name)
    if (epoch > this.#manifest.epoch) return fenced(this.place)
    return new TailraceError('SINK_RESTORED', 'retry', `The manifest in ${this.place.name} was removed or replaced.`, {
      hint: 'The sink goes on from what it finds there.',
    })
  }
}

/** The manifest, if it is this sink's. Throws TARGET_TAKEN, SINK_SCHEMA. */
export async function readOwn(
  place: Place,
  { pipeline, name }: SinkContext,
  mode: Mode,
  signal: AbortSignal,
): Promise<{ manifest: Manifest; tag: string } | undefined> {
  const found = await place.read(signal)
  if (found === undefined) return undefined
  const manifest = parseManifest(found.text, place.name)
  if (manifest.pipeline !== pipeline || manifest.sink !== name)
    throw new TailraceError(
      'TARGET_TAKEN',
      'stop',
      `${place.name} belongs to the sink "${manifest.sink}" of the pipeline "${manifest.pipeline}".`,
      { hint: 'Give each sink a place of its own.' },
    )
  if (manifest.mode !== mode)
    throw new TailraceError(
      'SINK_SCHEMA',
      'stop',
      `${place.name} was written with \`mode: ${manifest.mode}\`, not ${mode}.`,
      { hint: `Set \`mode: ${manifest.mode}\` again, or give the sink another place.` },
    )
  return { manifest, tag: found.tag }
}

function newManifest(pipeline: string, sink: string, mode: Mode): Manifest {
  return {
    format: 1,
    set: randomUUID(),
    epoch: 0,
    sequence: 0,
    pipeline,
    sink,
    mode,
    writtenAt: new Date().toISOString(),
    sources: {},
    tables: {},
    replaced: [],
  }
}

function fenced({ name }: Place): TailraceError {
  return new TailraceError('SINK_FENCED', 'stop', `Another process writes to ${name}.`, {
    hint: 'Run one pipeline per target. Stop the other one, then resume this sink.',
  })
}
