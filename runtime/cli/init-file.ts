import type { Discovery } from '../contract.ts'
import { formatSize } from '../quantity.ts'
import { qualifiedName, quotePart } from '../select.ts'
import { count } from './terminal.ts'

/** A commented configuration for what was found in a database. The URL itself stays in the environment. */
export function initialConfig(pipeline: string, type: string, { tables }: Discovery): string {
  const usable = tables.filter(({ problem }) => problem === undefined)
  const unusable = tables.filter(({ problem }) => problem !== undefined)
  const list =
    usable.length === 0 ? ['      []'] : usable.map(table => remarked(`      - ${text(name(table))}`, about(table)))
  const rest = unusable.map(table => remarked(`      # - ${text(name(table))}`, `${about(table)}: ${table.problem}`))
  const schema = quotePart(tables[0]?.schema ?? 'public')
  return `# yaml-language-server: $schema=./node_modules/tailrace/config/tailrace.schema.json
# Written by tailrace init. Next: tailrace check, then tailrace run.

${remarked(`pipeline: ${pipeline}`, 'part of every name that is used at the database')}

log:
  path: ./data                    # a durable copy of the captured rows: keep it private
  # maxBytes: 20GB                # at this size the source waits; nothing is dropped

sources:
  app:
    type: ${type}
    url: \${DATABASE_URL}          # an environment variable; \${file:/run/secrets/x} reads a file
    tables:
${[...list, ...rest].join('\n')}
${remarked(`    # exclude: [${schema}.audit_*]`, 'wins over tables')}
    # columns:
    #   exclude: [${schema}.customers.ssn]
    #   mask:
    #     ${schema}.customers.email: redact

sinks:
  files:
    type: jsonl
    path: ./changes               # one folder per table, one line per change
  # search:
  #   type: sqlite
  #   path: ./search.db
  #   tables: [app.${schema}.customers]
  #   search:
  #     app.${schema}.customers: [name, email]    # full-text search
  # cache:
  #   type: redis
  #   url: redis://127.0.0.1:6379
  # warehouse:
  #   type: duckdb
  #   path: ./warehouse.duckdb

# http:
#   listen: 127.0.0.1:8245        # status, metrics, wait, changes
`
}

type Found = Discovery['tables'][number]

function name({ schema, table }: Found): string {
  return qualifiedName([schema, table])
}

/** A name with quotes or other signs of YAML stands in single quotes. */
function text(plain: string): string {
  return /^[A-Za-z_][\w.$-]*$/.test(plain) ? plain : `'${plain.replaceAll("'", "''")}'`
}

const REMARKS_AT = 34

/** Remarks stand below each other where the lines are short enough. */
function remarked(line: string, remark: string): string {
  return `${line.padEnd(REMARKS_AT - 2)}  # ${remark}`
}

function about({ key, rows, bytes }: Found): string {
  const parts = [
    key.length === 0 ? 'no key' : `key ${key.join(', ')}`,
    ...(rows === null ? [] : [`about ${count(rows)} rows`]),
    ...(bytes === null ? [] : [formatSize(bytes)]),
  ]
  return parts.join('; ')
}
