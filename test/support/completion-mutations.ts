/** Sentences of the rules of completion and index (RULES R2), and edits of the source that break each. */

import type { Mutation } from './mutation-run.ts'

const SCRIPTED = 'test/unit/key-index/completion.test.ts'
const OPENING = 'test/unit/key-index/opening.test.ts'
const TRAIL = 'test/unit/key-index/trail.test.ts'
const HISTORIES = { full: 'completion', args: ['--histories', '200'] }
const PLAN = 'runtime/complete/plan.ts'
const INDEX = 'runtime/log/embedded/key-index'

export const MUTATIONS: readonly Mutation[] = [
  {
    sentence: 'R2.1 the newest state is searched in earlier records of its own unit (of the same batch)',
    file: PLAN,
    from: `return this.#life.states.get(key.toString('latin1')) ?? (`,
    to: 'void key\n    return (',
    check: HISTORIES,
  },
  {
    sentence: 'R2.1 the newest state is searched in earlier records of its own unit (of earlier batches)',
    file: 'runtime/complete.ts',
    from: `this.#inUnit ? 'appended' : 'durable'`,
    to: `'durable' as const`,
    check: SCRIPTED,
  },
  {
    sentence: 'R2.1 ... in units the index has not applied',
    file: `${INDEX}/thread.ts`,
    from: 'turn = turn.then(() => take(message))',
    to: `turn = message.kind === 'find' ? Promise.all([turn, answer({ ...message, durable: undefined })]).then(() => {}) : turn.then(() => take(message))`,
    check: HISTORIES,
  },
  {
    sentence: 'R2.1 ... in the index',
    file: `${INDEX}/thread.ts`,
    from: `if (found === 'unknown') found = main.finder.find(request, into)`,
    to: '',
    check: HISTORIES,
  },
  {
    sentence: 'R2.1 a delete ends the search (in the batch)',
    file: PLAN,
    from: `life.set(key, isDelete ? 'none' : at)`,
    to: `if (!isDelete) life.set(key, at)`,
    check: SCRIPTED,
  },
  {
    sentence: 'R2.1 a delete ends the search (in the index)',
    file: `${INDEX}/indexer.ts`,
    from: 'const isDelete = kind === EntryKind.delete',
    to: 'const isDelete = kind === EntryKind.delete\n    if (isDelete) return',
    check: SCRIPTED,
  },
  {
    sentence: 'R2.1 a truncate ends the search (in the batch)',
    file: PLAN,
    from: 'if (kind === EntryKind.truncate) lives.of(tableOf(batch, at)).truncate()',
    to: '',
    check: SCRIPTED,
  },
  {
    sentence: 'R2.1 a truncate ends the search (in the index)',
    file: `${INDEX}/incarnations.ts`,
    from: 'life.floor = offset',
    to: 'void offset',
    check: SCRIPTED,
  },
  {
    sentence: 'R2.1 a new incarnation of the table ends the search (in the batch)',
    file: PLAN,
    from: 'const name = `',
    to: 'const name = table.name\n    void `',
    check: SCRIPTED,
  },
  {
    sentence: 'R2.1 a new incarnation of the table ends the search (in the index)',
    file: `${INDEX}/incarnations.ts`,
    from: `'table' | 'incarnation'>): string {`,
    to: `'table' | 'incarnation'>): string {\n  if (incarnation > 0) return table`,
    check: SCRIPTED,
  },
  {
    sentence: 'R2.2 a primary-key change is one adjacent pair delete(old), upsert(new)',
    file: 'connectors/common/row-writer.ts',
    from: `this.#writer.delete(table, old, former === 'whole', newKey)`,
    to: '',
    check: HISTORIES,
  },
  {
    sentence: `R2.2 unchanged cells of the new key come from the old key's state`,
    file: PLAN,
    from: 'former: isMoved ? left : state,',
    to: 'former: state,',
    check: HISTORIES,
  },
  {
    sentence: 'R2.2 ... from its state before the pair',
    file: PLAN,
    from: 'if (isDelete) left = state',
    to: `if (isDelete) left = 'none'`,
    check: HISTORIES,
  },
  {
    sentence: 'R2.5 the index applies units in log order',
    file: `${INDEX}/indexer.ts`,
    from: 'batch.put(key, value)',
    to: 'if (this.#store.get(key) === undefined) batch.put(key, value)',
    check: HISTORIES,
  },
  {
    sentence: 'R2.5 ... each in one atomic batch with (log id, session, applied offset)',
    file: `${INDEX}/indexer.ts`,
    from: 'batch.put(STATE_KEY, Buffer.from(JSON.stringify(state)))\n    await this.#store.write(batch)\n    crashPoint',
    to: `await this.#store.put(STATE_KEY, Buffer.from(JSON.stringify(state)), false)\n    crashPoint('index.written')\n    await this.#store.write(batch)\n    crashPoint`,
    check: TRAIL,
  },
  {
    sentence: `R2.5 ... only once the unit is durable: an index ahead of the log would hand out another row's cells`,
    file: `${INDEX}/thread.ts`,
    from: 'const { trail, indexer } = unit\n',
    to: `for (let early = await main.trail.read(written); early !== undefined; early = await main.trail.read(written)) main.indexer.add(early)
  await main.indexer.commit(data.logId)
  const { trail, indexer } = unit\n`,
    check: SCRIPTED,
  },
  {
    sentence: 'R2.5 on opening: ahead means rebuild',
    file: `${INDEX}/opening.ts`,
    from: `if (state.applied > end) return 'it is ahead of the log'`,
    to: 'if (state.applied > end) return undefined',
    check: OPENING,
  },
  {
    sentence: 'R2.5 on opening: foreign means rebuild (another log)',
    file: `${INDEX}/opening.ts`,
    from: `if (state.logId !== logId) return 'it belongs to another log'`,
    to: 'if (state.logId !== logId) return undefined',
    check: OPENING,
  },
  {
    sentence: 'R2.5 on opening: foreign means rebuild (another session)',
    file: `${INDEX}/opening.ts`,
    from: `return 'the log was restored to an earlier state'`,
    to: 'return undefined',
    check: OPENING,
  },
  {
    sentence: 'R2.5 on opening: an unclean machine stop in a no-sync mode means rebuild',
    file: `${INDEX}/opening.ts`,
    from: `return 'the machine stopped while it was written'`,
    to: 'return undefined',
    check: OPENING,
  },
  {
    sentence: 'R2.5 its trail is bounded; beyond the bound ingest waits',
    file: `${INDEX}/key-index.ts`,
    from: 'if (this.behindBytes <= limit) return',
    to: 'void limit\n      return',
    check: TRAIL,
  },
]
