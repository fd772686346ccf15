import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from '@jest/globals'
import type { Context } from '../../../runtime/cli/context.ts'
import { wait } from '../../../runtime/cli/wait.ts'

describe('tailrace wait', () => {
  it('exits with 4 where it is interrupted: nobody may go on as if everything were applied', async () => {
    const interrupt = new AbortController()
    await using server = createServer(() => interrupt.abort()).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const context = { url, json: false, signal: interrupt.signal } as Context
    expect(await wait(context, { timeout: 30 })).toBe(4)
  })
})
