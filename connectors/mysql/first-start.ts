import type { LoadRequest, Resume } from '../../runtime/contract.ts'
import { captureTables } from './catalog.ts'
import type { MysqlClient } from './connection.ts'
import { requireLogged } from './logged-tables.ts'
import { type BinlogPosition, formatPosition } from './position.ts'
import { requirePrerequisites } from './prerequisites.ts'
import { FILE_BEGIN, gtidsAt, logEnd, mysqlExecuted, visiblePlace } from './read-view.ts'
import { type ServerFacts, serverFacts } from './server-facts.ts'
import { SharedReaders } from './shared-readers.ts'
import { identityOf, loadRequest, type Start, type StartRequest, tablesOf } from './start.ts'

/** Definitions that were altered while a state was being fixed are read once more. */
const MOST_TRIES = 5

/**
 * A log without a stream yet: one state that several connections share, read before the stream begins at its place. Where
 * none can be shared the stream begins at once and everything is read beside it. Nothing is made at the server.
 */
export async function firstStart(request: StartRequest, from: Resume | undefined, signal: AbortSignal): Promise<Start> {
  const { config, context, name, sql, numbering, life } = request
  const facts = await sql.use(serverFacts, signal)
  requirePrerequisites(facts)
  const place = { config, numbering, flavor: facts.flavor }
  for (let tries = 1; ; tries++) {
    const captured = await sql.use(client => captureTables(client, place), signal)
    const cascades = await sql.use(client => requireLogged(client, facts, config, tablesOf(captured)), signal)
    const relations = captured.map(({ relation }) => relation)
    const readers =
      config.snapshot === 'initial' ? await SharedReaders.open(config, name, facts, relations, life) : undefined
    try {
      // Read again behind the state: what was altered before it is not in the stream.
      const again = await sql.use(client => captureTables(client, place), signal)
      if (tries < MOST_TRIES && again.some(({ table }, i) => table.id !== captured[i]?.table.id)) {
        await readers?.[Symbol.asyncDispose]()
        continue
      }
      const position = await beginning(request, facts, readers, signal)
      if (readers === undefined && config.snapshot === 'initial')
        context.logger.warn(
          'the server commits too often for one state to be shared: tables are read beside the stream',
        )
      const isBeside = readers === undefined
      const requests = captured.map(one => ({ ...loadRequest(one, isBeside), restart: from !== undefined }))
      return {
        isFirst: true,
        isReplacing: false,
        facts,
        captured,
        cascades,
        position,
        identity: identityOf(facts, from?.identity, formatPosition(position)),
        loads: config.snapshot === 'initial' ? keylessFirst(requests) : [],
        readers,
      }
    } catch (error) {
      await readers?.[Symbol.asyncDispose]()
      throw error
    }
  }
}

/** Tables without a key first: only before the stream begins can they be read. */
function keylessFirst(requests: readonly LoadRequest[]): LoadRequest[] {
  const isKeyed = ({ table }: LoadRequest): boolean => table.key.length > 0
  return [...requests.filter(request => !isKeyed(request)), ...requests.filter(isKeyed)]
}

async function beginning(
  { sql }: StartRequest,
  facts: ServerFacts,
  readers: SharedReaders | undefined,
  signal: AbortSignal,
): Promise<BinlogPosition> {
  const at = { flavor: facts.flavor, server: facts.serverId, prepared: [] }
  if (readers !== undefined) return { ...at, ...readers.view.place, gtids: readers.view.gtids }
  return { ...at, ...(await sql.use(client => streamBegin(client, facts), signal)) }
}

/** Where a stream can begin now, so that nothing that is not visible yet is missed. */
export async function streamBegin(
  client: MysqlClient,
  facts: ServerFacts,
): Promise<Pick<BinlogPosition, 'file' | 'offset' | 'gtids'>> {
  if (facts.flavor === 'mariadb') {
    const place = await visiblePlace(client)
    return { ...place, gtids: await gtidsAt(client, place) }
  }
  const end = await logEnd(client, facts)
  if (!facts.hasGtid) return { ...end, gtids: undefined }
  return { file: end.file, offset: FILE_BEGIN, gtids: await mysqlExecuted(client) }
}
