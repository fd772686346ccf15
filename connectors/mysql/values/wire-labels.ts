import { cellEnd, contentAt } from '../../../runtime/record/cells.ts'
import { unreadable } from '../binlog/binlog-error.ts'
import type { WireColumn } from '../wire-column.ts'
import { CellOutput } from './cell-output.ts'
import { BINARY, type Charsets } from './charsets.ts'

/** Labels of an ENUM or SET as UTF-8. Those of collation `binary` are taken as they are. */
export function wireLabels({ name, labels, collation }: WireColumn, charsets: Charsets): Buffer[] {
  if (labels === undefined) throw unreadable(`column "${name}" without its labels`)
  if (collation === undefined || collation === BINARY) return [...labels]
  const write = charsets.writer(charsets.of(collation, name).name, name)
  return labels.map(label => {
    const out = new CellOutput()
    write(label, 0, label.length, out)
    return out.bytes.subarray(contentAt(out.bytes, 0), cellEnd(out.bytes, 0, out.at))
  })
}
