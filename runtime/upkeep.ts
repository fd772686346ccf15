import type { Generation, Purge, SinkContext, SinkPlugin } from './contract.ts'

/** What is done to a sink's target while it is not open. */
export type Upkeep =
  | { readonly act: 'swap' | 'recall' }
  | { readonly act: 'drop'; readonly generation: Generation }
  | ({ readonly act: 'purge' } & Purge)

/** Has the plugin do it in this thread. Answers its lines; `recall`: one if there was something to call back. */
export async function upkeep(
  { generations, purge }: SinkPlugin,
  options: unknown,
  context: SinkContext,
  what: Upkeep,
  signal: AbortSignal,
): Promise<readonly string[]> {
  switch (what.act) {
    case 'swap':
      await generations!.swap(options, context, signal)
      return []
    case 'recall':
      return (await generations!.recall(options, context, signal)) ? ['previous'] : []
    case 'drop':
      await generations!.drop(options, context, what.generation, signal)
      return []
    case 'purge':
      return (await purge?.(options, context, what, signal)) ?? []
  }
}
