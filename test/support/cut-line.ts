import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** What becomes of a transaction: it runs; the line is cut before the server has it, or before its replies come. */
export type Fate = 'runs' | 'lost' | 'unanswered'

/** What ends a transaction of Redis, on the line. */
const EXEC = '*1\r\n$4\r\nEXEC\r\n'

/** A line to a server that is cut at a transaction of one's choice, as a crash of either end would. */
export class CutLine implements AsyncDisposable {
  readonly #server: Server
  readonly #port: number
  readonly #end: string
  /** Of the transaction with this number, counted from 1 over all connections. */
  fate: (transaction: number) => Fate | Promise<Fate> = () => 'runs'
  transactions = 0

  private constructor(port: number, end: string) {
    this.#port = port
    this.#end = end
    this.#server = createServer(client => void this.#serve(client))
  }

  /** `end`: what ends a transaction, on the line. */
  static async to(port: number, end = EXEC): Promise<CutLine> {
    const line = new CutLine(port, end)
    line.#server.listen(0, '127.0.0.1')
    await once(line.#server, 'listening')
    return line
  }

  url(database: number, login = ''): string {
    return `redis://${login}127.0.0.1:${this.port}/${database}`
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async #serve(client: Socket): Promise<void> {
    const upstream = connect(this.#port, '127.0.0.1')
    for (const socket of [client, upstream]) socket.on('error', () => {})
    upstream.on('data', chunk => client.write(chunk))
    upstream.on('close', () => client.destroy())
    client.on('close', () => upstream.end())
    let end = ''
    try {
      for await (const chunk of client as AsyncIterable<Buffer>) {
        const text = end + chunk.toString('latin1')
        const isTransaction = text.includes(this.#end)
        end = isTransaction ? '' : text.slice(1 - this.#end.length)
        const fate = isTransaction ? await this.fate(++this.transactions) : 'runs'
        if (fate === 'lost') break
        if (fate === 'runs') upstream.write(chunk)
        else {
          upstream.removeAllListeners('data').resume().end(chunk)
          await once(upstream, 'close')
          break
        }
      }
    } catch {
      // The client has gone.
    }
    client.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    await once(this.#server, 'close')
  }
}
