import memory from '../../runtime/log/memory.ts'
import { silent } from '../support/log-life.ts'
import { type LogHome, logContract } from './log.ts'
import { orderedLogContract } from './log-ordered.ts'

function homeOf(mode: 'ordered' | 'partitioned'): () => Promise<LogHome> {
  const context = { pipeline: 'test', name: 'app', logger: silent, folder: '/nowhere' }
  const open = () => memory.open(memory.config.parse({ mode }), context)
  return async () => ({ open, other: open, async [Symbol.asyncDispose]() {} })
}

logContract('memory, ordered', homeOf('ordered'))
logContract('memory, partitioned', homeOf('partitioned'))
orderedLogContract('memory, ordered', homeOf('ordered'))
