/** Every setting of a role that changes what the server prints or how long it waits; `{role}` is its name. */
const SETTINGS: Readonly<Record<string, string>> = {
  array_nulls: 'off',
  bytea_output: 'escape',
  client_encoding: 'LATIN1',
  client_min_messages: 'debug1',
  datestyle: 'SQL, DMY',
  default_transaction_deferrable: 'on',
  default_transaction_isolation: 'serializable',
  default_transaction_read_only: 'on',
  extra_float_digits: '-15',
  idle_in_transaction_session_timeout: '1ms',
  idle_session_timeout: '1ms',
  intervalstyle: 'sql_standard',
  lc_messages: 'C',
  lc_monetary: 'POSIX',
  lock_timeout: '1ms',
  quote_all_identifiers: 'on',
  search_path: 'nowhere',
  standard_conforming_strings: 'off',
  statement_timeout: '1ms',
  timezone: 'Asia/Kathmandu',
  transform_null_equals: 'on',
  xmlbinary: 'hex',
  xmloption: 'document',
}

/** SQL that makes a role whose sessions print and wait as no program expects. It may stream and owns nothing. */
export function hostileRole(name: string): string {
  const settings = Object.entries(SETTINGS).map(([setting, value]) => {
    const list = setting === 'search_path' || setting === 'datestyle' ? value : `'${value}'`
    return `ALTER ROLE ${name} SET ${setting} = ${list};`
  })
  return `CREATE ROLE ${name} LOGIN REPLICATION; ${settings.join(' ')}`
}
