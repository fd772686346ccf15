import type { Store } from './store.ts'

export interface PurgePlace {
  readonly store: Store
  /** Does its work while the index stands still. */
  inTurn(work: () => Promise<void>): Promise<void>
  /** The walks that are under way now have ended when it resolves. */
  walksEnded(): Promise<void>
}

/** No byte of keys that were removed is in the files of the store on return. */
export async function purge({ store, inTurn, walksEnded }: PurgePlace): Promise<void> {
  // What a walk sees that was begun before stays in the files.
  await walksEnded()
  await store.rewrite()
  await inTurn(async () => {
    await walksEnded()
    await store.reopen()
  })
}
