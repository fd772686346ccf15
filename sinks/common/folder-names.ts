import type { NameRules } from '../../runtime/naming.ts'

/**
 * What common file systems hold as the name of a folder. Names that begin with `_` are kept for the sink's own files,
 * with `.` for hidden ones.
 */
export const FOLDER_NAMES: NameRules = {
  maxBytes: 200,
  holds: (character, first) => !/[/\\:*?"<>|\p{Cc}]/u.test(character) && !(first && /[._]/.test(character)),
  caseless: true,
}
