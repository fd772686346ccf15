import { afterAll, afterEach, beforeAll } from '@jest/globals'
import { errorMessage } from '../../../runtime/errors.ts'
import { describeIf } from '../skip.ts'
import { kafkaPrograms } from './kafka-programs.ts'
import { type KafkaServer, startKafka } from './kafka-server.ts'
import { KafkaTopics } from './kafka-topics.ts'

const START_MS = 180_000

/**
 * A suite at a real broker, emptied after each test; skipped by name where none can run. Await it at the top level of the
 * test file.
 */
export async function describeKafka(
  body: (server: () => KafkaServer, topics: () => KafkaTopics) => void,
): Promise<void> {
  const problem = await kafkaPrograms().then(
    () => undefined,
    (error: unknown) => errorMessage(error),
  )
  describeIf(problem === undefined, problem ?? '')('Kafka', () => {
    let server: KafkaServer | undefined
    let topics: KafkaTopics | undefined
    beforeAll(async () => {
      server = await startKafka()
      topics = await KafkaTopics.connect(server.broker)
    }, START_MS)
    afterEach(() => topics?.empty())
    afterAll(async () => {
      await topics?.[Symbol.asyncDispose]()
      await server?.[Symbol.asyncDispose]()
    })
    body(
      () => server!,
      () => topics!,
    )
  })
}
