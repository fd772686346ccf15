import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

export const MAIN = fileURLToPath(new URL('../../runtime/cli/main.ts', import.meta.url))

/** Of a process of the command line: its own settings, not those of whoever runs the tests. */
export const VERB_ENV: NodeJS.ProcessEnv = {
  PATH: process.env.PATH,
  NO_COLOR: '1',
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
}

export interface Said {
  /** null: ended by a signal. */
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs one verb of the command line as a user does, to its end. */
export async function runVerb(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Said> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...VERB_ENV, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [[code], out, err] = await Promise.all([once(child, 'exit'), text(child.stdout), text(child.stderr)])
  return { code, out, err }
}
