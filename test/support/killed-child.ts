import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** Runs a script in a process of its own until that kills itself at a crash point, `name:pass`. */
export async function killedChild(script: string, folder: string, point: string): Promise<void> {
  const env = { ...process.env, TAILRACE_CRASH: point }
  const child = spawn(process.execPath, [script, folder], { env, stdio: 'ignore' })
  const [, killedBy] = (await once(child, 'exit')) as [number | null, string | null]
  assert.equal(killedBy, 'SIGKILL')
}
