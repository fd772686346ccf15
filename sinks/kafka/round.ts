import type { Message, TopicMessages } from 'kafkajs'
import type { Topic } from './topics.ts'

/** A broker takes a megabyte in one piece unless it is told otherwise: `message.max.bytes`. */
const PARTITION_BYTES = 900 * 1024
const BYTES = 4 * 1024 * 1024
/** What a message has beside its key and its value, at most. */
const FRAME_BYTES = 160

/** Messages that go in one request. */
export class Round {
  readonly #topics = new Map<string, { readonly messages: Message[]; readonly bytes: number[] }>()
  #bytes = 0

  get isEmpty(): boolean {
    return this.#bytes === 0
  }

  /** Whether one more would make it too large; the first one fits always. */
  hasRoom(topic: Topic, partition: number, message: Message): boolean {
    if (this.isEmpty) return true
    const bytes = bytesOf(message)
    const inPartition = this.#topics.get(topic.name)?.bytes[partition] ?? 0
    return this.#bytes + bytes <= BYTES && (inPartition === 0 || inPartition + bytes <= PARTITION_BYTES)
  }

  add(topic: Topic, partition: number, message: Message): void {
    let of = this.#topics.get(topic.name)
    if (of === undefined) {
      of = { messages: [], bytes: [] }
      this.#topics.set(topic.name, of)
    }
    const bytes = bytesOf(message)
    of.messages.push({ ...message, partition })
    of.bytes[partition] = (of.bytes[partition] ?? 0) + bytes
    this.#bytes += bytes
  }

  topicMessages(): TopicMessages[] {
    return Array.from(this.#topics, ([topic, { messages }]) => ({ topic, messages }))
  }
}

function bytesOf({ key, value }: Message): number {
  return (key?.length ?? 0) + (value?.length ?? 0) + FRAME_BYTES
}
