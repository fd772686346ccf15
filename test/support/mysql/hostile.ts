/** Settings of a server, and of the sessions of its users, that change what is printed or how long is waited. */
import type { Flavor } from './releases.ts'

const MODES: Readonly<Record<Flavor, readonly string[]>> = {
  mysql: ['TIME_TRUNCATE_FRACTIONAL'],
  mariadb: ['EMPTY_STRING_IS_NULL', 'TIME_ROUND_FRACTIONAL', 'NO_FIELD_OPTIONS'],
}

const SQL_MODE = [
  ...['ANSI_QUOTES', 'PIPES_AS_CONCAT', 'IGNORE_SPACE', 'REAL_AS_FLOAT', 'HIGH_NOT_PRECEDENCE', 'ONLY_FULL_GROUP_BY'],
  ...['NO_BACKSLASH_ESCAPES', 'NO_UNSIGNED_SUBTRACTION', 'PAD_CHAR_TO_FULL_LENGTH', 'NO_DIR_IN_CREATE'],
  ...['STRICT_ALL_TABLES', 'NO_ZERO_DATE', 'NO_ZERO_IN_DATE', 'ERROR_FOR_DIVISION_BY_ZERO', 'ALLOW_INVALID_DATES'],
]

/** Of every session of a user who is no administrator, behind those of the server. */
const SESSION = [
  ...["time_zone = '-09:30'", 'sql_select_limit = 1', 'max_join_size = 1', 'sql_safe_updates = 1'],
  ...['max_sort_length = 64', "character_set_results = 'latin1'", "collation_connection = 'utf16_bin'"],
  ...["lc_time_names = 'ja_JP'", 'sql_auto_is_null = 1', 'timestamp = 1', 'autocommit = 0'],
]

const SESSION_OF: Readonly<Record<Flavor, readonly string[]>> = {
  mysql: ['max_execution_time = 1', 'show_gipk_in_create_table_and_information_schema = OFF'],
  mariadb: ['max_statement_time = 0.05'],
}

const SERVER_OF: Readonly<Record<Flavor, readonly string[]>> = {
  mysql: ['--max-execution-time=1', '--show-gipk-in-create-table-and-information-schema=OFF'],
  mariadb: ['--max-statement-time=0.5', '--skip-character-set-client-handshake', '--max-length-for-sort-data=4'],
}

/** For a start of a server: as no program expects it. Root's sessions are spared `init_connect` alone. */
export function hostileOptions(flavor: Flavor): string[] {
  const session = [...SESSION, ...SESSION_OF[flavor]].map(one => `SESSION ${one}`).join(', ')
  return [
    `--sql-mode=${[...SQL_MODE, ...MODES[flavor]].join()}`,
    `--init-connect=SET NAMES cp1251; SET ${session}`,
    '--default-time-zone=+05:45',
    '--character-set-server=utf16',
    '--collation-server=utf16_unicode_ci',
    '--character-set-filesystem=latin2',
    '--lc-time-names=de_DE',
    '--lc-messages=fr_FR',
    '--transaction-read-only=ON',
    '--transaction-isolation=SERIALIZABLE',
    '--completion-type=CHAIN',
    '--autocommit=OFF',
    '--wait-timeout=1',
    '--interactive-timeout=1',
    '--net-read-timeout=1',
    '--net-write-timeout=1',
    '--lock-wait-timeout=1',
    '--innodb-lock-wait-timeout=1',
    '--div-precision-increment=0',
    '--default-week-format=7',
    '--group-concat-max-len=4',
    '--max-sort-length=64',
    '--max-join-size=1',
    '--max-allowed-packet=1M',
    ...SERVER_OF[flavor],
  ]
}
