import { relative } from 'node:path'

/** The command line that runs a script with the Node that runs this, by its shortest name. */
export function nodeCommand(script: string): string {
  const near = relative(process.cwd(), process.execPath)
  return `${near.length < process.execPath.length ? near : process.execPath} ${script}`
}
