import { isUtf8 } from 'node:buffer'
import type { MariadbGtidEvent } from './binlog/mariadb-gtid.ts'
import type { QueryEvent } from './binlog/query-event.ts'
import type { Statement, Xa } from './ddl/kinds.ts'
import type { NameCase } from './ddl/names.ts'
import { readStatement } from './ddl/statement.ts'
import { lexicalMode } from './ddl/tokens.ts'
import type { BinlogPlace } from './position.ts'
import type { Effect, Resolver } from './resolver.ts'
import { statementFormat, undone, unknownStatement } from './scanner-error.ts'
import type { Flavor } from './wire-column.ts'

/** What a statement is to the stream: its effects, and whether it begins or ends the group it stands in. */
export interface ReadStatement {
  readonly effects: readonly Effect[]
  readonly step: 'begin' | 'end' | 'none'
  readonly xa?: Xa
}

const NOTHING: readonly Effect[] = []

/** Reads statements of QUERY events. */
export class Statements {
  readonly #resolver: Resolver
  readonly #flavor: Flavor
  readonly #lowerCase: NameCase
  /** MariaDB, ALTER in two phases: its first event says what will be, and only the second that it is. */
  alter: MariadbGtidEvent['alter']
  /** Set when `read` answered 'wait'. */
  pending: Promise<void> | undefined
  #answer: readonly Effect[] | undefined

  constructor(resolver: Resolver, flavor: Flavor, lowerCase: NameCase) {
    this.#resolver = resolver
    this.#flavor = flavor
    this.#lowerCase = lowerCase
  }

  /**
   * `hasChanges`: the group has changes of captured tables. `at`: where the statement ends. 'wait': to be asked again with the same once `pending` has
   * settled. Throws BINLOG_STATEMENT, BINLOG_ROLLBACK and what the resolver throws.
   */
  read(query: QueryEvent, hasChanges: boolean, at: BinlogPlace): ReadStatement | 'wait' {
    const statement = this.#parsed(query)
    switch (statement.kind) {
      case 'begin':
        return { effects: NOTHING, step: 'begin' }
      case 'commit':
        return { effects: NOTHING, step: 'end' }
      case 'rollback':
        if (hasChanges) throw undone()
        return { effects: NOTHING, step: 'end' }
      case 'savepoint':
        if (statement.action === 'rollback' && hasChanges) throw undone()
        return { effects: NOTHING, step: 'none' }
      case 'xa':
        return { effects: NOTHING, step: 'none', xa: statement }
      case 'dml':
        if (this.#resolver.concerns(statement.tables)) throw statementFormat(statement.tables)
        return { effects: NOTHING, step: 'none' }
      case 'unknown':
        throw unknownStatement()
      default:
        return this.#applied(statement, at)
    }
  }

  #applied(statement: Statement, at: BinlogPlace): ReadStatement | 'wait' {
    const answered = this.#answer
    if (answered !== undefined) {
      this.#answer = undefined
      return { effects: answered, step: 'none' }
    }
    if (this.alter === 'start' || this.alter === 'rollback') return { effects: NOTHING, step: 'none' }
    const answer = this.#resolver.apply(statement, at)
    if (answer === undefined || !('then' in answer)) return { effects: answer ?? NOTHING, step: 'none' }
    this.pending = answer.then(effects => {
      this.#answer = effects
    })
    return 'wait'
  }

  #parsed({ text, database, status }: QueryEvent): Statement {
    // What is not UTF-8 is of a set in which keywords and quotes are the same.
    const decoded = text.toString(isUtf8(text) ? 'utf8' : 'latin1')
    const mode = lexicalMode(this.#flavor, status.sqlMode ?? 0n)
    return readStatement(decoded, database, { ...mode, lowerCaseTableNames: this.#lowerCase })
  }
}
