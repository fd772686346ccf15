import { configSchemaText } from '../../config/json-schema.ts'
import type { Context } from './context.ts'
import { EXIT } from './exit-code.ts'

/** Prints the JSON Schema of the configuration, for editors. */
export async function printConfigSchema({ io }: Context): Promise<number> {
  io.out.write(await configSchemaText())
  return EXIT.fine
}
