/** The project's own TypeScript, parsed, for the tests of its layers and house rules. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseSync } from '@swc/core'

export interface SourceFile {
  /** From the project's root, with slashes. */
  readonly path: string
  readonly text: string
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export function readSources(folders: readonly string[]): SourceFile[] {
  return folders.flatMap(folder =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter(name => name.endsWith('.ts'))
      .map(name => `${folder}/${name.replaceAll('\\', '/')}`)
      .toSorted()
      .map(path => ({ path, text: readFileSync(join(ROOT, path), 'utf8') })),
  )
}

export type SyntaxNode = Readonly<Record<string, unknown>> & { readonly type: string }

/** Every node of the file's syntax tree. */
export function syntaxNodes(text: string): SyntaxNode[] {
  const found: SyntaxNode[] = []
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    if (isNode(value)) found.push(value)
    for (const child of Object.values(value)) walk(child)
  }
  walk(parseSync(text, { syntax: 'typescript', target: 'es2024' }))
  return found
}

function isNode(value: object): value is SyntaxNode {
  return 'type' in value && typeof value.type === 'string'
}

/** What the file imports by a name that stands in it: `import`, `export from`, `import()`, and types alike. */
export function importedNames(text: string): string[] {
  return syntaxNodes(text).flatMap(node => {
    if (node.type === 'CallExpression') {
      const [first] = Array.isArray(node.arguments) ? node.arguments : []
      return typeOf(node.callee) === 'Import' ? literal(first?.expression) : []
    }
    if (node.type === 'TsImportType') return literal(node.argument)
    return node.type.startsWith('Import') || node.type.startsWith('Export') ? literal(node.source) : []
  })
}

function typeOf(node: unknown): unknown {
  return typeof node === 'object' && node !== null && 'type' in node ? node.type : undefined
}

function literal(node: unknown): string[] {
  if (typeOf(node) !== 'StringLiteral') return []
  return [(node as { value: string }).value]
}
