import { loadConfig } from '../../config/load.ts'
import { errorMessage, TailraceError } from '../errors.ts'
import type { PipelineConfig } from '../pipeline-config.ts'
import type { Context } from './context.ts'
import { httpRequest } from './http-request.ts'
import { readProcessFile } from './process-file.ts'

/** A process that runs the pipeline, asked over HTTP. */
export interface Client {
  readonly url: string
  /** Throws what the process answered, NOT_RUNNING if it does not answer. */
  ask(
    path: string,
    options?: { method?: 'GET' | 'POST'; body?: string; accept?: string; signal?: AbortSignal },
  ): Promise<Response>
}

/** The running process and the configuration that led to it; with `--url` no configuration is read. */
export interface Found {
  readonly client: Client | undefined
  readonly config: PipelineConfig | undefined
}

/** Finds the process by `--url` or through the log folder of the configuration. */
export async function findProcess(context: Context): Promise<Found> {
  if (context.url !== undefined)
    return { client: connect(context.url, process.env.TAILRACE_TOKEN ?? null), config: undefined }
  const config = await loadConfig(context.config)
  return { client: (await livingProcess(config))?.client, config }
}

/** The process that the file in the log folder names, if it still lives and answers: a crash may have left the file. */
export async function livingProcess({ log }: PipelineConfig): Promise<{ pid: number; client: Client } | undefined> {
  const file = await readProcessFile(log.path)
  if (file === undefined || file.url === null) return undefined
  const client = connect(file.url, file.token)
  return (await answers(client)) ? { pid: file.pid, client } : undefined
}

/** The same where only a running process will do. Throws NOT_RUNNING. */
export async function needProcess(context: Context): Promise<Client> {
  const { client, config } = await findProcess(context)
  if (client !== undefined) return client
  throw notRunning(`No process runs the pipeline "${config?.pipeline}".`)
}

function connect(base: string, token: string | null): Client {
  return {
    url: base,
    async ask(path, { method = 'GET', body, accept = 'application/json', signal }: Parameters<Client['ask']>[1] = {}) {
      const headers: Record<string, string> = { accept }
      if (token !== null) headers.authorization = `Bearer ${token}`
      if (method === 'POST') headers['content-type'] = 'application/json'
      const url = URL.parse(path, base)
      if (url === null)
        throw new TailraceError('USAGE', 'stop', `"${base}" is not a URL.`, { hint: '--url http://127.0.0.1:8245' })
      let response: Response
      try {
        response = await httpRequest(url, {
          method,
          headers,
          ...(body !== undefined && { body }),
          ...(signal && { signal }),
        })
      } catch (error) {
        signal?.throwIfAborted()
        throw notRunning(`Nothing answers at ${base} (${errorMessage(error)}).`)
      }
      if (!response.ok) throw await refusal(response)
      return response
    },
  }
}

/** A number of a process is soon given to another, which has nothing to do with us. */
async function answers(client: Client): Promise<boolean> {
  try {
    await (await client.ask('/healthz', { signal: AbortSignal.timeout(5000) })).text()
    return true
  } catch {
    return false
  }
}

async function refusal(response: Response): Promise<TailraceError> {
  const text = await response.text()
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string; hint: string | null } }
    return new TailraceError(error.code, 'stop', error.message, error.hint === null ? {} : { hint: error.hint })
  } catch {
    return new TailraceError('UNEXPECTED', 'stop', `The process answered ${response.status}: ${text.slice(0, 200)}`)
  }
}

/** The lines of JSON of an answer as they come. Throws NOT_RUNNING if it breaks off. */
export async function* answerLines(response: Response, signal: AbortSignal): AsyncGenerator<unknown> {
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for await (const bytes of response.body ?? []) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
      rest = lines.pop()!
      for (const line of lines) yield JSON.parse(line) as unknown
    }
  } catch (error) {
    signal.throwIfAborted()
    throw notRunning(`The process no longer answers (${errorMessage(error)}).`)
  }
  if (rest !== '') throw notRunning('The process no longer answers.')
}

function notRunning(message: string): TailraceError {
  return new TailraceError('NOT_RUNNING', 'stop', message, {
    hint: 'Start it with: tailrace run. One that runs elsewhere is named by --url (and TAILRACE_TOKEN).',
  })
}
