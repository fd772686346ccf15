import { isUtf8 } from 'node:buffer'
import { cellEnd, contentAt, textCellSize, writeCellHead } from '../../runtime/record/cells.ts'
import { CellTag } from '../../runtime/record/layout.ts'
import type { Tuple } from '../../runtime/record/tuple.ts'
import { type ColumnRule, HASH_LENGTH, maskHash, REDACTED } from './mask.ts'
import type { Scratch } from './scratch.ts'

/** How a tuple as the server sends it becomes a tuple of the Table. */
export interface RowPlan {
  /** The tuple may be taken as it is. */
  readonly identity: boolean
  /** One per column as the server sends them. */
  readonly rules: readonly ColumnRule[]
  /** The database does not check its text (as SQL_ASCII in PostgreSQL): cells that are not UTF-8 are tagged as bytes. */
  readonly checkText: boolean
  /** Of the hash; present if a rule is `hash`. */
  readonly maskKey: string | undefined
}

export function rowPlan(rules: readonly ColumnRule[], checkText: boolean, maskKey: string | undefined): RowPlan {
  return { identity: !checkText && rules.every(rule => rule === 'keep'), rules, checkText, maskKey }
}

/** The plan for rows from which excluded columns are missing already. */
export function planWithoutExcluded(plan: RowPlan): RowPlan {
  return rowPlan(
    plan.rules.filter(rule => rule !== 'exclude'),
    plan.checkText,
    plan.maskKey,
  )
}

/**
 * The server's tuple, one cell for each of the plan's rules, as a tuple of the Table. Absent cells stay absent, and null
 * stays null. The answer may lie in `bytes` or in `scratch`: valid until either is written again.
 */
export function applyPlan(plan: RowPlan, bytes: Buffer, at: number, end: number, scratch: Scratch): Tuple {
  if (plan.identity) return { bytes, at, end }
  const { rules } = plan
  const into = scratch.room(end - at + rules.length * textCellSize(HASH_LENGTH))
  let from = at
  let to = 0
  for (let i = 0; i < rules.length; i++) {
    const next = cellEnd(bytes, from, end)
    const rule = rules[i]!
    const hasText = bytes[from] === CellTag.text
    if (rule === 'keep' || (!hasText && rule !== 'exclude' && rule !== 'null')) {
      bytes.copy(into, to, from, next)
      if (hasText && plan.checkText && !isUtf8(bytes.subarray(contentAt(bytes, from), next))) into[to] = CellTag.bytes
      to += next - from
    } else if (rule === 'null') into[to++] = CellTag.null
    else if (rule === 'redact') to = writeText(into, to, REDACTED)
    else if (rule === 'hash')
      to = writeText(into, to, maskHash(plan.maskKey!, bytes.subarray(contentAt(bytes, from), next)))
    from = next
  }
  return { bytes: into, at: 0, end: to }
}

function writeText(into: Buffer, at: number, text: Buffer): number {
  const content = writeCellHead(into, at, CellTag.text, text.length)
  return content + text.copy(into, content)
}
