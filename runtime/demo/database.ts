import type { Rows } from './rows.ts'
import type { ShopSize } from './shop.ts'

/** What the demo needs of the database that the shop is in. */
export interface DemoDatabase {
  /** As people call it. */
  readonly name: string
  /** Of the source, in the configuration. */
  readonly type: 'postgres' | 'mysql'
  /** A server of its own, in a temporary folder. Throws DEMO_SERVER_MISSING, DEMO_SERVER_FAILED. */
  startServer(): Promise<DemoServer>
  /** `name`: how the server calls the connection, where it can. */
  connect(url: string, name: string): Promise<DemoClient>
  version(client: DemoClient): Promise<string>
  /** Makes the shop, in the schema `public`; answers how many rows it has. */
  fillShop(client: DemoClient, size: ShopSize): Promise<number>
  /** Statements of the i-th transaction of its customers. */
  act(i: number, size: ShopSize): readonly Statement[]
  /** All of the shop, as one snapshot sees it. */
  readRows(url: string): Promise<SourceRows>
  /** A command that opens it, for a person. */
  shell(url: string): string
}

export interface DemoServer extends AsyncDisposable {
  /** Of an empty database. */
  readonly url: string
}

export interface DemoClient {
  /** One statement; its rows as text by column, and how many it has changed. */
  query(
    text: string,
    values?: readonly unknown[],
  ): Promise<{ readonly rows: readonly Readonly<Record<string, string | null>>[]; readonly changed: number }>
  end(): Promise<void>
}

export type Statement = readonly [text: string, values: unknown[]]

/** Where the server's log stood, and the rows of all four tables as one snapshot saw them. */
export interface SourceRows {
  readonly position: string
  readonly tables: readonly Rows[]
}
