/** Which of the two families a server is of; their protocols and types differ in places. */
export type Flavor = 'mysql' | 'mariadb'

/**
 * A column as a TABLE_MAP event with FULL metadata describes it
 * (https://dev.mysql.com/doc/dev/mysql-server/latest/classbinary__log_1_1Table__map__event.html).
 */
export interface WireColumn {
  readonly name: string
  /** Type code (wire-types.ts). ENUM and SET have their own, also where the event says STRING. */
  readonly type: number
  /** The event's metadata of the type; of STRING the byte length alone, of ENUM and SET the pack length. */
  readonly meta: number
  readonly nullable: boolean
  readonly unsigned: boolean
  /** Collation id of character columns, ENUM and SET; 63 is `binary`. Undefined for others. */
  readonly collation: number | undefined
  /** Of ENUM and SET, in the column's character set. */
  readonly labels: readonly Buffer[] | undefined
  /** Of GEOMETRY: 0 geometry, 1 point ... as the metadata numbers them. */
  readonly geometry: number | undefined
  /** Of VECTOR. */
  readonly dimension: number | undefined
}
