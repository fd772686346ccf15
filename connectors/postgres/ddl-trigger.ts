/**
 * An event trigger at the database tells the stream of DDL by a logical message, at the DDL's own commit: the catalog is
 * then looked at at once and not only when it is its turn. Installed by whoever may, for all pipelines together.
 */

const NAME = 'tailrace_ddl'

/** Of its messages (https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html). */
export const DDL_PREFIX = Buffer.from('tailrace.ddl\0')

/** Of what the watch cares for. Temporary tables come and go without a message. */
const TAGS = [
  'ALTER PUBLICATION',
  'ALTER SCHEMA',
  'ALTER TABLE',
  'CREATE TABLE',
  'CREATE TABLE AS',
  'DROP SCHEMA',
  'DROP TABLE',
  'SELECT INTO',
]

export const DDL_TRIGGER: readonly string[] = [
  `-- Optional, for a superuser: DDL is noticed at once, and not only when the catalog is looked at.
CREATE FUNCTION public.${NAME}() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_TAG LIKE 'DROP %' OR EXISTS (
    SELECT FROM pg_catalog.pg_event_trigger_ddl_commands() WHERE schema_name IS DISTINCT FROM 'pg_temp'
  ) THEN
    PERFORM pg_catalog.pg_logical_emit_message(true, 'tailrace.ddl', '');
  END IF;
END $$;`,
  `CREATE EVENT TRIGGER ${NAME} ON ddl_command_end
  WHEN TAG IN (${TAGS.map(tag => `'${tag}'`).join(', ')})
  EXECUTE FUNCTION public.${NAME}();`,
]

/** SQL of whether the database has it. */
export const HAS_DDL_TRIGGER = `EXISTS (
  SELECT FROM pg_catalog.pg_event_trigger WHERE evtname = '${NAME}' AND evtenabled <> 'D')`
