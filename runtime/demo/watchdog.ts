import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'

/**
 * A small process that cleans up behind this one, also when this one is killed. `script`, of the shell, gets `args` as $1
 * and so on: a word on its stdin is the orderly end, end of file means that the starter died.
 */
export async function startWatchdog(
  script: string,
  args: readonly string[],
  options: SpawnOptions,
): Promise<ChildProcess> {
  const watchdog = spawn('sh', ['-c', script, 'sh', ...args], { ...options, stdio: ['pipe', 'ignore', 'ignore'] })
  await once(watchdog, 'spawn')
  watchdog.unref()
  ;(watchdog.stdin as Socket).unref()
  return watchdog
}

/** Tells it that this is the orderly end, and waits until it has cleaned up. */
export async function dismissWatchdog(watchdog: ChildProcess): Promise<void> {
  if (watchdog.exitCode !== null || watchdog.signalCode !== null) return
  watchdog.ref()
  const exit = once(watchdog, 'exit')
  watchdog.stdin?.end('end\n')
  await exit
}
