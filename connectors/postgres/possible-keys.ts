import type pg from 'pg'
import { errorCode } from '../../runtime/errors.ts'
import { type KeyOrder, keyList } from './key-order.ts'

/** SQLSTATE class of data exceptions: a text that is no value of the type, or one out of its range. */
const NO_VALUE = /^22/

/**
 * Those of the keys that a row can have. Who asks for keys found elsewhere may ask for any text, and one that is no value
 * of its column's type would be an error of the whole query.
 */
export async function possibleKeys(
  client: pg.ClientBase,
  order: KeyOrder,
  keys: readonly Uint8Array[],
): Promise<readonly Uint8Array[]> {
  if (keys.length === 0) return keys
  try {
    await client.query(`SELECT FROM ${keyList(order, keys, 'k')}`)
    return keys
  } catch (error) {
    if (!NO_VALUE.test(errorCode(error) ?? '')) throw error
    if (keys.length === 1) return []
    const half = Math.ceil(keys.length / 2)
    const first = await possibleKeys(client, order, keys.slice(0, half))
    return [...first, ...(await possibleKeys(client, order, keys.slice(half)))]
  }
}
