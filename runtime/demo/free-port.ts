import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below the range from which systems take ports for outgoing connections: a stopped server keeps its own. */
export const PORTS = { first: 15_000, count: 17_000 }

/** A port of 127.0.0.1 that nobody listens on; another process may take it before we do. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORTS.first + Math.floor(Math.random() * PORTS.count)
    const probe = createServer()
    const free = await new Promise<boolean>(resolve => {
      probe.once('error', () => resolve(false))
      probe.listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!free) continue
    probe.close()
    await once(probe, 'close')
    return port
  }
}
