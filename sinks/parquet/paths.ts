import { fitName } from '../../runtime/naming.ts'
import { FOLDER_NAMES } from '../common/folder-names.ts'
import type { Layout } from '../duckdb-file/layout.ts'
import type { Versions } from './writer.ts'

/** Where files land below the place. */

/** The folder of a table, from the name that it has in the store. */
export function folderOf({ table }: Layout): string {
  return fitName(table, FOLDER_NAMES)
}

/** Whether the sink gives files such names (`changesPath`, `rowsPath`): others may lie beside them. */
export function isOwnFile(path: string): boolean {
  return /\/(\d{19}-\d{19}_\d{10}\.\d+|\d{10}\/([^/]+\/)?\d+)\.parquet$/.test(path)
}

export function changesPath(table: string, sequence: number) {
  return (folder: string, versions: Versions | undefined, n: number): string => {
    const { first, last } = versions!
    const range = [first, last].map(version => String(version).padStart(19, '0')).join('-')
    return `${table}/${folder}${range}_${padded(sequence)}.${n}.parquet`
  }
}

export function rowsPath(table: string, sequence: number) {
  return (folder: string, _: unknown, n: number): string => `${table}/${padded(sequence)}/${folder}${n}.parquet`
}

function padded(sequence: number): string {
  return String(sequence).padStart(10, '0')
}

/** The path of what stays of a file of changes when some of its rows are taken out. */
export function rewrittenPath(path: string, sequence: number): string {
  return path.replace(/_\d{10}(\.\d+\.parquet)$/, `_${padded(sequence)}$1`)
}
