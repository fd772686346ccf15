import type { Batch, Passes, SourceLog, Table } from '../../../contract.ts'
import type { Head } from '../head.ts'
import { evidenceLost } from './failures.ts'
import type { KeyIndex } from './key-index.ts'
import { type PackedRuns, runAt, type TableLife } from './packing.ts'
import { unpackStates } from './row-states.ts'
import { unpackUnseen } from './unseen.ts'

/** What a log with an index answers for loads. */
export type LoadLookUps = Required<Pick<SourceLog, 'states' | 'incompleteKeys' | 'passes'>>

export function lookUps(index: KeyIndex, head: Head): LoadLookUps {
  const passes: Passes = {
    async begin(table, pass) {
      const since = passes.newest()
      await index.ask({ about: 'begin', ...lifeOf(table), pass })
      return since
    },
    newest: () => BigInt(head.end),
    has: (table, pass) => index.ask({ about: 'has', ...lifeOf(table), pass }),
    end: (table, pass) => index.ask({ about: 'end', ...lifeOf(table), pass }),
    async unseen(table, pass, after, limit) {
      const answer = await index.ask({ about: 'unseen', ...lifeOf(table), pass, after: copyOf(after), limit })
      if (answer === 'lost') throw evidenceLost(table.name)
      return unpackUnseen(answer)
    },
  }
  return {
    passes,
    async states(rows, pass) {
      const lives = new Map([...rows.tables].map(id => [id, lifeOf(rows.registry.get(id)!)]))
      // Copied once, and no more than the batch: a view would take all of the memory it lies in along.
      const bytes = new Uint8Array(rows.bytes)
      const answer = await index.ask({ about: 'states', bytes, count: rows.count, lives, pass }, [bytes.buffer])
      if (answer === 'lost') throw evidenceLost(nameIn(rows))
      return unpackStates(answer)
    },
    async incompleteKeys(table, after, limit) {
      return allRuns(await index.ask({ about: 'incomplete', ...lifeOf(table), after: copyOf(after), limit }))
    },
  }
}

function lifeOf({ name, incarnation }: Table): TableLife {
  return { table: name, incarnation }
}

function nameIn({ tables, registry }: Batch): string {
  return [...tables].map(id => registry.get(id)!.name).join(', ')
}

/** A view would take all of the memory it lies in along. */
function copyOf(key: Uint8Array | undefined): Uint8Array | undefined {
  return key && new Uint8Array(key)
}

function allRuns(runs: PackedRuns): Uint8Array[] {
  return Array.from(runs.ends, (_, i) => runAt(runs, i))
}
