/** `node test/support/write-types-doc.ts`: brings the tables of docs/types.md up to date with the code. */
import { readFile, writeFile } from 'node:fs/promises'
import { withTables } from './types/page.ts'

const page = new URL('../../docs/types.md', import.meta.url)
await writeFile(page, await withTables(await readFile(page, 'utf8')))
