/** House rules that a linter does not hold, or not for every file. */
import { posix } from 'node:path'
import { type SourceFile, syntaxNodes } from './source-tree.ts'

const MAX_LINES = 299
/** The whole contract reads in one place: types and what they promise, no code. */
const MAY_BE_LONG = ['runtime/contract.ts']
/** Names that say nothing about what is inside. */
const EMPTY_NAMES = /^(index|utils?|helpers?|misc|common|shared|stuff|barrel)\.ts$/
const MAY_PRINT = /^(runtime\/cli|test)\//

/** Every breach as a sentence; none is the empty list. */
export function houseBreaches({ path, text }: SourceFile): string[] {
  const breaches: string[] = []
  const lines = text.replace(/\n$/, '').split('\n').length
  if (lines > MAX_LINES && !MAY_BE_LONG.includes(path))
    breaches.push(`${path} has ${lines} lines, more than ${MAX_LINES}: it has more than one job`)
  if (EMPTY_NAMES.test(posix.basename(path))) breaches.push(`${path} has a name that does not say its job`)
  const nodes = syntaxNodes(text)
  if (nodes.some(node => node.type === 'TsKeywordType' && node.kind === 'any')) breaches.push(`${path} says any`)
  if (!MAY_PRINT.test(path) && nodes.some(node => node.type === 'Identifier' && node.value === 'console'))
    breaches.push(`${path} uses console: only the command line prints, everything else has a logger`)
  if (nodes.some(isReexport)) breaches.push(`${path} re-exports: import it from where it is`)
  return breaches
}

function isReexport({ type, source }: { readonly type: string; readonly source?: unknown }): boolean {
  return (
    type === 'ExportAllDeclaration' || (type === 'ExportNamedDeclaration' && source !== undefined && source !== null)
  )
}
