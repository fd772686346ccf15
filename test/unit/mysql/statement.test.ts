import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { Statement } from '../../../connectors/mysql/ddl/kinds.ts'
import { foldName, type StatementFlags, tableName } from '../../../connectors/mysql/ddl/names.ts'
import { readStatement } from '../../../connectors/mysql/ddl/statement.ts'
import { lexicalMode } from '../../../connectors/mysql/ddl/tokens.ts'
import { formatXid } from '../../../connectors/mysql/ddl/xid.ts'

const MYSQL: StatementFlags = { ...lexicalMode('mysql', 0n), lowerCaseTableNames: 0 }
const MARIADB: StatementFlags = { ...lexicalMode('mariadb', 0n), lowerCaseTableNames: 0 }
const ANSI: StatementFlags = { ...lexicalMode('mysql', 4n), lowerCaseTableNames: 0 }
const NO_ESCAPES: StatementFlags = { ...lexicalMode('mysql', 1n << 20n), lowerCaseTableNames: 0 }

const name = ({ database, table }: { database: string; table: string }): string => `${database}|${table}`
const flagsOf = (parts: Record<string, unknown>): string =>
  Object.entries(parts)
    .filter(([, value]) => value !== false && value !== undefined)
    .map(([key, value]) => (value === true ? ` ${key}` : ` ${key}=${String(value)}`))
    .join('')

/** One line for a statement: its kind, tables as `database|table`, and what is special. */
function told(statement: Statement): string {
  switch (statement.kind) {
    case 'savepoint':
      return `savepoint ${statement.action} ${statement.name}`
    case 'xa':
      return `xa ${statement.action} ${statement.xid}${flagsOf({ onePhase: statement.onePhase })}`
    case 'create-table': {
      const { kind, table, like, ...flags } = statement
      return `${kind} ${name(table)}${flagsOf({ ...flags, like: like && name(like) })}`
    }
    case 'alter-table': {
      const { table, renamedTo, touchesPartitions, exchanged } = statement
      const flags = { touchesPartitions, exchanged: exchanged && name(exchanged), to: renamedTo && name(renamedTo) }
      return `alter-table ${name(table)}${flagsOf(flags)}`
    }
    case 'drop-tables': {
      const { kind, tables, ...flags } = statement
      return `${kind} ${tables.map(name).join(' ')}${flagsOf(flags)}`
    }
    case 'rename-tables':
      return `rename ${statement.pairs.map(({ from, to }) => `${name(from)}>${name(to)}`).join(' ')}`
    case 'truncate':
      return `truncate ${name(statement.table)}`
    case 'drop-database':
      return `drop-database ${statement.database}`
    case 'sequence':
      return `sequence ${statement.action} ${statement.sequences.map(name).join(' ')}`
    case 'maintain-tables':
      return `maintain ${statement.tables.map(name).join(' ')}`
    case 'dml':
      return `dml ${statement.tables?.map(name).join(' ') ?? '?'}`
    default:
      return statement.kind
  }
}

const read = (text: string, flags = MYSQL, database = 'd'): string => told(readStatement(text, database, flags))

/** Every line: what it does, and statements that do it. */
type Corpus = readonly (readonly [expected: string, ...statements: string[]])[]

const TRANSACTIONS: Corpus = [
  ['begin', 'BEGIN', 'begin work', 'START TRANSACTION', '/* x */ START TRANSACTION READ WRITE', 'BEGIN;', ' BEGIN '],
  ['commit', 'COMMIT', 'commit work', 'COMMIT AND CHAIN', 'COMMIT AND NO CHAIN NO RELEASE;', 'COMMIT -- done'],
  ['rollback', 'ROLLBACK', 'rollback work', 'ROLLBACK AND NO CHAIN', 'ROLLBACK # x'],
  ['savepoint set a', 'SAVEPOINT a', 'SAVEPOINT `a`', '/* */ savepoint a;'],
  ['savepoint rollback a', 'ROLLBACK TO a', 'ROLLBACK TO SAVEPOINT `a`', 'ROLLBACK WORK TO SAVEPOINT a'],
  ['savepoint release a', 'RELEASE SAVEPOINT a'],
  ['savepoint set a`b', 'SAVEPOINT `a``b`'],
  ["xa start X'6162',X'',1", "XA START X'6162',X'',1", "XA BEGIN 'ab'", "xa start 'ab','',1"],
  ["xa end X'6162',X'63',7", "XA END X'6162',X'63',7", "XA END 'ab','c',7"],
  ["xa prepare X'',X'',1", "XA PREPARE X'',X'',1"],
  ["xa commit X'00ff',X'',1", "XA COMMIT X'00FF',X'',1"],
  ["xa commit X'00ff',X'',1 onePhase", "XA COMMIT X'00ff',X'',1 ONE PHASE"],
  ["xa rollback X'27',X'',4294967295", "XA ROLLBACK '''','',4294967295"],
  [
    'unknown',
    'XA RECOVER',
    "XA START 'a' JOIN",
    "XA COMMIT X'0'",
    "XA COMMIT X'zz'",
    `XA COMMIT X'${'00'.repeat(65)}'`,
    "XA START 'a\\'b'",
  ],
  ['unknown', 'BEGIN NOT ATOMIC SELECT 1; END', 'COMMIT TO x', 'RELEASE a', 'SAVEPOINT', 'ROLLBACK TO'],
]

const TABLES: Corpus = [
  [
    'create-table d|t',
    'CREATE TABLE t (id INT PRIMARY KEY)',
    'create table `t` (`select` int, `like` int, `as` int)',
    "CREATE TABLE d.t (a INT) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT='as select, like x; \"'",
    'CREATE TABLE`d`.`t`(a int)',
    'CREATE TABLE d . t (a int)',
    'CREATE TABLE .t (a int)',
    'CREATE/**/TABLE/**/t(a int)/* SELECT 1 */',
    'CREATE TABLE t (a int) -- AS SELECT 1',
    'CREATE TABLE t (a int) # AS SELECT 1',
    "CREATE TABLE t (a int default (select 1), b int as (a + 1) stored, c varchar(9) default 'like')",
    'CREATE TABLE t (a INT, CHECK (a IN (SELECT 1)))',
    'CREATE TABLE t (a INT) PARTITION BY RANGE (a) (PARTITION p0 VALUES LESS THAN (5), PARTITION p1 VALUES LESS THAN MAXVALUE)',
    'CREATE TABLE t (a INT) PARTITION BY LIST COLUMNS (a) (PARTITION p0 VALUES IN (1, 2))',
    'CREATE TABLE t (a INT) /*!50100 PARTITION BY HASH (a) PARTITIONS 4 */',
    'CREATE TABLE t (a INT) UNION=(x, y) INSERT_METHOD=LAST',
    'CREATE TABLE t (a INT) START',
    '/*!40101 CREATE TABLE t (a int) */',
    '/*! CREATE */ /*!50000 TABLE */ t (a int)',
    '\n\t\r\fCREATE\vTABLE t\n(a int)',
    "CREATE TABLE t (a ENUM('x\\'y', \"z\"\"(\", '\\\\'), b INT)",
  ],
  [
    'create-table d|t ifNotExists',
    'CREATE TABLE IF NOT EXISTS t (a int)',
    'create table if not exists `d`.`t` (a int)',
  ],
  ['create-table d|t temporary', 'CREATE TEMPORARY TABLE t (a int)', 'CREATE /*!40005 TEMPORARY */ TABLE t (a int)'],
  ['create-table e|t', 'CREATE TABLE e.t (a int)', 'CREATE TABLE `e`.t (a int)'],
  [
    'create-table d|t like=e|s',
    'CREATE TABLE t LIKE e.s',
    'CREATE TABLE t (LIKE e.s)',
    'CREATE TABLE `t` LIKE `e`.`s`',
    'CREATE TABLE t /* x */ LIKE /* y */ e . s',
  ],
  ['create-table d|t temporary ifNotExists like=d|s', 'CREATE TEMPORARY TABLE IF NOT EXISTS t LIKE s'],
  [
    'create-table d|t select',
    'CREATE TABLE t SELECT 1',
    'CREATE TABLE t AS SELECT * FROM s',
    'CREATE TABLE t (a int) SELECT 1 AS a',
    'CREATE TABLE t (a int) AS (SELECT 1 AS a)',
    'CREATE TABLE t (SELECT 1)',
    'CREATE TABLE t ((SELECT 1) UNION (SELECT 2))',
    'CREATE TABLE t (a int) ENGINE=InnoDB IGNORE SELECT 1 AS a',
    'CREATE TABLE t REPLACE AS WITH x AS (SELECT 1) SELECT * FROM x',
    'CREATE TABLE t WITH x AS (SELECT 1) SELECT * FROM x',
    'CREATE TABLE t TABLE s',
    'CREATE TABLE t VALUES ROW(1)',
    'CREATE TABLE t (a int) (SELECT 1 AS a)',
    'CREATE TABLE t /*! SELECT 1 */',
  ],
  [
    'create-table d|t startsTransaction',
    "CREATE TABLE `t` (\n  `a` int NOT NULL DEFAULT '0'\n) START TRANSACTION",
    'CREATE TABLE `d`.`t` (`a` int) ENGINE=InnoDB start /* */ transaction',
  ],
  ['create-table d|table', 'CREATE TABLE `table` (a int)'],
  ['create-table a.b|c.d', 'CREATE TABLE `a.b`.`c.d` (a int)'],
  ['create-table d|`; DROP TABLE x; --', 'CREATE TABLE ```; DROP TABLE x; --` (a int)'],
  ['create-table d|1st', 'CREATE TABLE 1st (a int)', 'CREATE TABLE d.1st (a int)'],
  ['create-table d|naïve$名', 'CREATE TABLE naïve$名 (a int)', 'CREATE TABLE `naïve$名` (a int)'],
  ["create-table d|it's", "CREATE TABLE `it's` (a int)"],
  ['create-table d|/* t */', 'CREATE TABLE `/* t */` (a int)'],
  ['create-table d|#t', 'CREATE TABLE `#t` (a int)'],
  ['create-table #mysql50#a|t', 'CREATE TABLE `#mysql50#a`.t (a int)'],
  [
    'drop-tables d|t',
    'DROP TABLE t',
    'DROP TABLE `t` /* generated by server */',
    'drop tables d.t cascade',
    'DROP TABLE t RESTRICT;',
  ],
  [
    'drop-tables d|t ifExists',
    'DROP TABLE IF EXISTS t',
    'DROP TABLE IF EXISTS `d`.`t` /* generated by server */',
    'DROP TABLE /*!50000 IF EXISTS */ t',
  ],
  [
    'drop-tables d|a e|b d|c ifExists',
    'DROP TABLE IF EXISTS `a`,`e`.`b`,`c` /* generated by server */',
    'DROP TABLES IF EXISTS a, e.b, c',
  ],
  ['drop-tables d|t temporary', 'DROP TEMPORARY TABLE t', 'DROP TEMPORARY TABLE `d`.`t` /* generated by server */'],
  [
    'drop-tables d|t temporary ifExists',
    'DROP /*!40005 TEMPORARY */ TABLE IF EXISTS `t`',
    'DROP TEMPORARY TABLE IF EXISTS d.t',
  ],
  ['drop-tables d|TEMPORARY', 'DROP TABLE `TEMPORARY`'],
  ['drop-database x', 'DROP DATABASE x', 'DROP SCHEMA IF EXISTS `x`', 'drop database if exists x;'],
  ['truncate d|t', 'TRUNCATE t', 'TRUNCATE TABLE t', 'truncate table `d`.`t`', 'TRUNCATE/**/d.t'],
  ['rename d|a>d|b', 'RENAME TABLE a TO b', 'RENAME TABLES `a` TO `d`.`b`', 'rename/* */table a to b;'],
  ['rename d|a>e|a e|b>d|b', 'RENAME TABLE a TO e.a, e.b TO b'],
  ['rename d|a>d|t d|b>d|a d|t>d|b', 'RENAME TABLE a TO t, b TO a, t TO b'],
  ['unknown', 'CREATE TABLE', 'CREATE TABLE (a int)'],
  [
    'unknown',
    'CREATE TABLE `t (a int)',
    "CREATE TABLE t (a int) COMMENT 'x",
    'CREATE TABLE t (a int) /* x',
    'CREATE TABLE t (a int) /*! x',
  ],
  [
    'unknown',
    'DROP TABLE',
    'DROP TABLE a,',
    'DROP TABLE a, `b',
    'RENAME TABLE a',
    'RENAME TABLE a TO',
    'TRUNCATE',
    'DROP DATABASE',
  ],
  [
    'unknown',
    'DROP TABLE "t"',
    "DROP TABLE 't'",
    'DROP TABLE ``',
    `DROP TABLE ${'x'.repeat(81)}`,
    `DROP TABLE \`${'x'.repeat(1000)}\``,
  ],
]

const ALTERS: Corpus = [
  [
    'alter-table d|t',
    'ALTER TABLE t ADD COLUMN a INT',
    'ALTER TABLE t',
    'alter table `d`.`t` add (a int, b int), drop column c',
    'ALTER TABLE t RENAME COLUMN a TO b, RENAME INDEX x TO y, RENAME KEY y TO z',
    "ALTER TABLE t MODIFY a INT COMMENT ', rename to x'",
    'ALTER TABLE t ADD a INT DEFAULT (f(1, 2)), ALTER a DROP DEFAULT',
    'ALTER TABLE t DROP `partition`, DROP COLUMN `rename`',
    'ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin',
    'ALTER TABLE t ADD PARTITION (PARTITION p3 VALUES LESS THAN (9))',
    'ALTER TABLE t REORGANIZE PARTITION p0 INTO (PARTITION a VALUES LESS THAN (1), PARTITION b VALUES LESS THAN (5))',
    'ALTER TABLE t PARTITION BY HASH (a) PARTITIONS 4',
    'ALTER TABLE t REMOVE PARTITIONING',
    'ALTER TABLE t COALESCE PARTITION 2',
    'ALTER TABLE t ENGINE=InnoDB, ALGORITHM=INPLACE, LOCK=NONE',
    'ALTER TABLE t ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES x (id) ON DELETE CASCADE',
    'ALTER TABLE t ORDER BY a, b',
    'ALTER TABLE t COMMENT "RENAME TO x", FORCE',
    'ALTER TABLE t /* , RENAME TO x */ ADD b INT',
    'CREATE INDEX i ON t (a)',
    'CREATE UNIQUE INDEX `on` USING BTREE ON `t` (a DESC)',
    'CREATE FULLTEXT INDEX i ON d.t (a) WITH PARSER ngram',
    'CREATE SPATIAL INDEX i ON t (g)',
    'DROP INDEX i ON t',
    'DROP INDEX `PRIMARY` ON d.t ALGORITHM=INPLACE',
    'drop/**/index/**/i/**/on/**/t',
  ],
  [
    'alter-table d|t to=d|u',
    'ALTER TABLE t RENAME u',
    'ALTER TABLE t RENAME TO u',
    'ALTER TABLE t RENAME AS u',
    'ALTER TABLE t RENAME = `u`',
  ],
  ['alter-table d|t to=e|u', 'ALTER TABLE t ADD a INT, RENAME TO e.u', 'ALTER TABLE t RENAME TO `e`.`u`, ADD a INT'],
  ['alter-table d|t to=d|column', 'ALTER TABLE t RENAME `column`'],
  [
    'alter-table d|t touchesPartitions',
    'ALTER TABLE t TRUNCATE PARTITION p0, p1',
    'ALTER TABLE t TRUNCATE PARTITION ALL',
    'ALTER TABLE t DROP PARTITION p0',
    'ALTER TABLE t ALGORITHM=COPY, DROP PARTITION p0',
    'ALTER TABLE t DISCARD TABLESPACE',
    'ALTER TABLE t IMPORT TABLESPACE',
    'ALTER TABLE t DISCARD PARTITION p0 TABLESPACE',
    'ALTER TABLE t IMPORT PARTITION p0 TABLESPACE',
    'ALTER TABLE t /*!50100 DROP PARTITION p0 */',
  ],
  [
    'alter-table d|t touchesPartitions exchanged=e|x',
    'ALTER TABLE t EXCHANGE PARTITION p0 WITH TABLE e.x',
    'ALTER TABLE t EXCHANGE PARTITION `table` WITH TABLE `e`.`x` WITHOUT VALIDATION',
  ],
  [
    'unknown',
    'ALTER TABLE',
    'ALTER TABLE t RENAME',
    "ALTER TABLE t COMMENT 'x",
    'ALTER TABLE t EXCHANGE PARTITION p',
    'CREATE INDEX ON t',
    'CREATE INDEX i',
    'DROP INDEX i',
  ],
]

const MARIADB_ONLY: Corpus = [
  [
    'create-table d|t orReplace',
    'CREATE OR REPLACE TABLE t (a int)',
    'create /*M!100100 or replace */ table `t` (a int)',
  ],
  ['create-table d|t temporary orReplace', 'CREATE OR REPLACE TEMPORARY TABLE t (a int)'],
  ['create-table d|t orReplace like=d|s', 'CREATE OR REPLACE TABLE t LIKE s'],
  ['create-table d|t orReplace select', 'CREATE OR REPLACE TABLE t AS SELECT 1'],
  [
    'create-table d|t',
    'CREATE TABLE t (a INT) WITH SYSTEM VERSIONING',
    'CREATE TABLE t (a INT WITHOUT SYSTEM VERSIONING, b INT) WITH SYSTEM VERSIONING PARTITION BY SYSTEM_TIME (PARTITION p0 HISTORY, PARTITION pn CURRENT)',
    'CREATE TABLE t (a INT, s TIMESTAMP(6) GENERATED ALWAYS AS ROW START, e TIMESTAMP(6) GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME(s, e)) WITH SYSTEM VERSIONING',
    'CREATE TABLE t (a int) /*M!100301 WITH SYSTEM VERSIONING */',
    'SET STATEMENT max_statement_time=60 FOR CREATE TABLE t (a int)',
    'SET STATEMENT a=1, b=SUBSTRING("x" FROM 1 FOR 2) FOR SET STATEMENT c=3 FOR CREATE TABLE t (a int)',
  ],
  [
    'create-table d|t select',
    'CREATE TABLE t WITH SYSTEM VERSIONING SELECT 1',
    'CREATE TABLE t WITH SYSTEM VERSIONING AS WITH x AS (SELECT 1) SELECT * FROM x',
  ],
  [
    'alter-table d|t',
    'ALTER ONLINE TABLE t ADD a INT',
    'ALTER IGNORE TABLE t ADD UNIQUE (a)',
    'ALTER ONLINE IGNORE TABLE IF EXISTS t WAIT 5 ADD a INT',
    'ALTER TABLE t NOWAIT ADD COLUMN IF NOT EXISTS a INT',
    'ALTER TABLE t ADD SYSTEM VERSIONING',
    'ALTER TABLE t DROP SYSTEM VERSIONING',
    'CREATE OR REPLACE INDEX i ON t (a)',
    'CREATE INDEX IF NOT EXISTS i ON t (a)',
    'CREATE VECTOR INDEX i ON t (v)',
    'DROP INDEX IF EXISTS i ON t WAIT 3',
    'CREATE ONLINE INDEX i ON t (a)',
    'DROP OFFLINE INDEX i ON t',
  ],
  ['alter-table d|t to=d|u', 'ALTER TABLE IF EXISTS t WAIT 5 RENAME TO u'],
  ['alter-table d|t touchesPartitions', 'ALTER TABLE t DROP PARTITION IF EXISTS p0'],
  [
    'alter-table d|t touchesPartitions exchanged=d|x',
    'ALTER TABLE t CONVERT PARTITION p0 TO TABLE x',
    'ALTER TABLE t CONVERT TABLE x TO PARTITION p0 VALUES LESS THAN (5)',
  ],
  ['drop-tables d|t', 'DROP TABLE t WAIT 5', 'DROP TABLE t NOWAIT'],
  ['drop-database x', 'CREATE OR REPLACE DATABASE x', 'CREATE OR REPLACE SCHEMA `x` CHARACTER SET utf8mb4'],
  ['truncate d|t', 'TRUNCATE TABLE t WAIT 5'],
  ['rename d|a>d|b', 'RENAME TABLE IF EXISTS a TO b', 'RENAME TABLE a WAIT 5 TO b', 'RENAME TABLE a NOWAIT TO b'],
  [
    'sequence create d|s',
    'CREATE SEQUENCE s',
    'CREATE OR REPLACE SEQUENCE d.s START WITH 5',
    'CREATE TEMPORARY SEQUENCE IF NOT EXISTS s',
  ],
  ['sequence alter d|s', 'ALTER SEQUENCE s RESTART 5', 'ALTER SEQUENCE IF EXISTS `s` MAXVALUE 9'],
  ['sequence drop d|s e|u', 'DROP SEQUENCE s, e.u', 'DROP SEQUENCE IF EXISTS `s`,`e`.`u` /* generated by server */'],
  ['dml d|t', "DELETE HISTORY FROM t BEFORE SYSTEM_TIME '2026-01-01'"],
  ['dml ?', 'ANALYZE UPDATE t SET a = 1', 'ANALYZE FORMAT=JSON DELETE FROM t'],
  [
    'unknown',
    '# Dummy event replacing event type 160 that slave cannot handle.',
    'SET STATEMENT a=1',
    'SET STATEMENT a=1 FOR',
  ],
]

const CHANGES: Corpus = [
  [
    'dml d|t',
    'INSERT INTO t VALUES (1)',
    'insert t set a = 1',
    'INSERT LOW_PRIORITY IGNORE INTO `d`.`t` (a) SELECT a FROM s',
    'INSERT DELAYED t VALUES (1)',
    'INSERT /*+ hint */ INTO t VALUES (1)',
    'REPLACE INTO t VALUES (1)',
    'REPLACE t SELECT 1',
    'UPDATE t SET a = 1',
    'UPDATE LOW_PRIORITY IGNORE d.t AS x SET x.a = 1',
    'UPDATE t x SET x.a = (SELECT 1)',
    'DELETE FROM t',
    'DELETE LOW_PRIORITY QUICK IGNORE FROM t WHERE a IN (SELECT 1)',
    'DELETE FROM t AS x WHERE x.a = 1',
    "LOAD DATA INFILE '/x' INTO TABLE t",
    "LOAD DATA LOCAL INFILE '/x' REPLACE INTO TABLE `t` FIELDS TERMINATED BY ','",
    "LOAD XML INFILE 'into table x' INTO TABLE t",
  ],
  [
    'dml ?',
    'UPDATE t, s SET t.a = s.a',
    'UPDATE t JOIN s ON t.a = s.a SET t.a = 1',
    'UPDATE (SELECT 1) x SET a = 1',
    'DELETE t FROM t JOIN s',
    'DELETE FROM t.*, s USING t JOIN s',
    'DELETE FROM t, s USING t JOIN s',
    'DELETE FROM t USING t JOIN s',
    'CALL p(1)',
    'WITH x AS (SELECT 1) UPDATE t SET a = 1',
    'SELECT `d`.`f`(1)',
    'DO f()',
    'INSERT',
  ],
]

const OTHERS: Corpus = [
  [
    'maintain d|t',
    'ANALYZE TABLE t',
    'ANALYZE LOCAL TABLE t UPDATE HISTOGRAM ON a',
    'OPTIMIZE TABLE `d`.`t`',
    'REPAIR NO_WRITE_TO_BINLOG TABLE t QUICK',
  ],
  ['maintain d|t e|u', 'OPTIMIZE TABLES t, e.u'],
  [
    'other',
    "GRANT SELECT ON d.* TO 'x'@'%'",
    'REVOKE ALL ON *.* FROM x',
    'FLUSH TABLES',
    'SET @@session.a = 1',
    "SET PASSWORD FOR x = 'y'",
    "CREATE USER x IDENTIFIED BY 'CREATE TABLE t'",
    'ALTER USER x ACCOUNT LOCK',
    'DROP USER IF EXISTS x',
    'RENAME USER a TO b',
    'CREATE ROLE r',
    'CREATE DATABASE x',
    'CREATE SCHEMA IF NOT EXISTS x',
    'ALTER DATABASE x CHARACTER SET utf8mb4',
    'CREATE VIEW v AS SELECT 1',
    'CREATE OR REPLACE ALGORITHM=MERGE DEFINER=`a`@`%` SQL SECURITY DEFINER VIEW v AS SELECT 1',
    'ALTER VIEW v AS SELECT 1',
    'DROP VIEW IF EXISTS v, w',
    'CREATE DEFINER=`a`@`%` PROCEDURE p() BEGIN DROP TABLE t; END',
    'CREATE FUNCTION f() RETURNS INT RETURN 1',
    'CREATE AGGREGATE FUNCTION f RETURNS INT SONAME "x.so"',
    'CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1',
    'CREATE DEFINER=CURRENT_USER EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM t',
    'DROP PROCEDURE p',
    'DROP TRIGGER IF EXISTS g',
    'DROP EVENT e',
    'ALTER EVENT e DISABLE',
    'CREATE TABLESPACE x ADD DATAFILE "x.ibd"',
    'DROP UNDO TABLESPACE x',
    'CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (HOST "h")',
    'CREATE SPATIAL REFERENCE SYSTEM 4120 NAME "x"',
    'CREATE OR REPLACE SPATIAL REFERENCE SYSTEM 4120 NAME "x"',
    'DROP SPATIAL REFERENCE SYSTEM 4120',
    'INSTALL PLUGIN x SONAME "x.so"',
    'UNINSTALL PLUGIN x',
    'LOAD INDEX INTO CACHE t',
  ],
  [
    'unknown',
    '',
    ' ',
    ';',
    '/* only */',
    '-- INSERT INTO t',
    '# UPDATE',
    'FROB TABLE t',
    '`CREATE` TABLE t (a int)',
    "'CREATE' TABLE t (a int)",
    '(SELECT 1)',
    'CREATE THING t',
    'CREATE TEMPORARY VIEW v',
    'ALTER THING t',
    'DROP THING t',
    'CREATEX TABLE t (a int)',
    'CREATE$ TABLE t (a int)',
    'IMPORT TABLE FROM "x.sdi"',
    "BINLOG 'xx'",
    '--CREATE TABLE t (a int)',
  ],
]

function check(corpus: Corpus, flags: StatementFlags): void {
  for (const [expected, ...statements] of corpus)
    for (const text of statements) expect(`${text} => ${read(text, flags)}`).toBe(`${text} => ${expected}`)
}

describe('a statement is read for what it does', () => {
  const both = { MySQL: MYSQL, MariaDB: MARIADB }
  for (const [server, flags] of Object.entries(both)) {
    it(`of transactions, ${server}`, () => check(TRANSACTIONS, flags))
    it(`of tables, ${server}`, () => check(TABLES, flags))
    it(`of what alters them, ${server}`, () => check(ALTERS, flags))
    it(`of changes to rows, ${server}`, () => check(CHANGES, flags))
    it(`of all else, ${server}`, () => check(OTHERS, flags))
  }
  it('of what MariaDB alone has', () => check(MARIADB_ONLY, MARIADB))

  it('of a cut-over by gh-ost', () => {
    const steps = [
      "create /* gh-ost */ table `d`.`_orders_ghc` (\n\t\t\tid bigint unsigned auto_increment\n\t\t) auto_increment=256 comment='changelog'",
      'create /* gh-ost */ table `d`.`_orders_gho` like `d`.`orders`',
      'alter /* gh-ost */ table `d`.`_orders_gho` add column note text, engine=innodb',
      'drop /* gh-ost */ table if exists `d`.`_orders_del`',
      "create /* gh-ost */ table `d`.`_orders_del` (\n\t\t\tid int auto_increment primary key\n\t\t) engine=InnoDB comment='ghost-cut-over-sentry'",
      'drop /* gh-ost */ table `d`.`_orders_del`',
      'rename /* gh-ost */ table `d`.`orders` to `d`.`_orders_del`, `d`.`_orders_gho` to `d`.`orders`',
    ]
    expect(steps.map(text => read(text, MYSQL, ''))).toEqual([
      'create-table d|_orders_ghc',
      'create-table d|_orders_gho like=d|orders',
      'alter-table d|_orders_gho',
      'drop-tables d|_orders_del ifExists',
      'create-table d|_orders_del',
      'drop-tables d|_orders_del',
      'rename d|orders>d|_orders_del d|_orders_gho>d|orders',
    ])
  })

  it('of a cut-over by pt-online-schema-change', () => {
    const steps = [
      'CREATE TABLE `d`.`_orders_new` (\n  `id` int NOT NULL,\n  PRIMARY KEY (`id`)\n) ENGINE=InnoDB',
      'ALTER TABLE `d`.`_orders_new` ADD COLUMN note text',
      'CREATE DEFINER=`a`@`%` TRIGGER `pt_osc_d_orders_del` AFTER DELETE ON `d`.`orders` FOR EACH ROW BEGIN DELETE IGNORE FROM `d`.`_orders_new` WHERE 1; END',
      'RENAME TABLE `d`.`orders` TO `d`.`_orders_old`, `d`.`_orders_new` TO `d`.`orders`',
      'DROP TABLE IF EXISTS `_orders_old` /* generated by server */',
      'DROP TRIGGER IF EXISTS `d`.`pt_osc_d_orders_del`',
    ]
    expect(steps.map(text => read(text))).toEqual([
      'create-table d|_orders_new',
      'alter-table d|_orders_new',
      'other',
      'rename d|orders>d|_orders_old d|_orders_new>d|orders',
      'drop-tables d|_orders_old ifExists',
      'other',
    ])
  })
})

describe('names and quotes', () => {
  it('go by sql_mode', () => {
    expect(read('CREATE TABLE "a""b" (a int)', ANSI)).toBe('create-table d|a"b')
    expect(read('DROP TABLE "d\\"', ANSI)).toBe('drop-tables d|d\\')
    expect(read("ALTER TABLE t COMMENT '\\', RENAME TO x, COMMENT '\\'", MYSQL)).toBe('unknown')
    expect(read("ALTER TABLE t COMMENT '\\', RENAME TO x, COMMENT '\\'", NO_ESCAPES)).toBe('alter-table d|t to=d|x')
    expect(read("ALTER TABLE t COMMENT '\\'', RENAME TO x, COMMENT '\\''", MYSQL)).toBe('alter-table d|t to=d|x')
    expect(read("ALTER TABLE t COMMENT '\\'', RENAME TO x, COMMENT '\\''", NO_ESCAPES)).toBe('alter-table d|t')
    expect(read("ALTER TABLE t COMMENT '\\\\', RENAME TO x")).toBe('alter-table d|t to=d|x')
  })

  it('without a database cannot be told', () => {
    expect(read('DROP TABLE t', MYSQL, '')).toBe('unknown')
    expect(read('DROP TABLE e.t', MYSQL, '')).toBe('drop-tables e|t')
    expect(read('INSERT INTO t VALUES (1)', MYSQL, '')).toBe('dml ?')
    expect(read('DROP VIEW v', MYSQL, '')).toBe('other')
  })

  it("in MariaDB's own comments are MariaDB's alone", () => {
    const text = 'ALTER TABLE t ADD a INT /*M!100000 , RENAME TO u */'
    expect(read(text, MARIADB)).toBe('alter-table d|t to=d|u')
    expect(read(text, MYSQL)).toBe('alter-table d|t')
  })

  it('fold by lower_case_table_names, letter by letter', () => {
    expect(tableName('Db', 'T', 0)).toEqual({ database: 'Db', table: 'T' })
    expect(tableName('Db', 'T', 1)).toEqual({ database: 'db', table: 't' })
    expect(tableName('Db', 'T', 2)).toEqual({ database: 'db', table: 't' })
    expect(foldName('ΟΔΟΣ İÄ名', 1)).toBe('οδοσ iä名')
    const flags: StatementFlags = { ...MYSQL, lowerCaseTableNames: 1 }
    expect(read('RENAME TABLE A TO E.B', flags, 'D')).toBe('rename d|a>e|b')
    expect(read('DROP DATABASE X', flags)).toBe('drop-database x')
  })

  it('of XA transactions are as the server prints them', () => {
    expect(formatXid(Buffer.from('ab'), Buffer.from([0, 255]), 7)).toBe("X'6162',X'00ff',7")
  })
})

const ALL = [...TRANSACTIONS, ...TABLES, ...ALTERS, ...CHANGES, ...OTHERS].flatMap(([expected, ...statements]) =>
  statements.map(text => [expected, text] as const),
)

describe('what is between the words', () => {
  const noise = fc.oneof(
    fc.constantFrom(
      ' ',
      '\n',
      '\t',
      '/**/',
      "/* ' */",
      '/* " ` -- */',
      '/* # \n */',
      '-- x \' "\n',
      '--\n',
      "# ` '\n",
      '#\n',
    ),
    fc.constantFrom('/* ; */', '/* DROP TABLE x */', '/*M */', '/* ! */', '-- */\n', '# /*\n', '/*+ SELECT */'),
  )
  const statements: readonly (readonly [string, readonly string[]])[] = [
    ['drop-tables a`b|c d|t ifExists', ['DROP', 'TABLE', 'IF', 'EXISTS', '`a``b`', '.', 'c', ',', '`t`']],
    ['rename d|a>d|/*! b', ['RENAME', 'TABLE', 'a', 'TO', '`/*! b`']],
    ['create-table d|t like=e|s', ['CREATE', 'TABLE', 't', '(', 'LIKE', 'e', '.', 's', ')']],
    ['alter-table d|t to=d|u', ['ALTER', 'TABLE', 't', 'COMMENT', "'a, ''b'' \\' -- #'", ',', 'RENAME', 'TO', 'u']],
    [
      'create-table d|t startsTransaction',
      ['CREATE', 'TABLE', 't', '(', 'a', 'ENUM', '(', '"x"""', ')', ')', 'START', 'TRANSACTION'],
    ],
    [
      'alter-table d|t touchesPartitions exchanged=d|x',
      ['ALTER', 'TABLE', 't', 'EXCHANGE', 'PARTITION', 'p', 'WITH', 'TABLE', 'x'],
    ],
    ["xa commit X'61',X'',1 onePhase", ['XA', 'COMMIT', "X'61'", ',', "X''", ',', '1', 'ONE', 'PHASE']],
  ]

  it('changes nothing: blanks, comments, and comments that are executed around any of them', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...statements),
        fc.array(fc.array(noise, { minLength: 1, maxLength: 3 }), { minLength: 15, maxLength: 15 }),
        fc.nat(14),
        fc.nat(14),
        fc.constantFrom('/*!', '/*!50000', '/*!100100 ', '/*! '),
        ([expected, words], noises, one, other, mark) => {
          const from = Math.min(one, other, words.length - 1)
          const to = Math.min(Math.max(one, other), words.length - 1)
          const pieces = words.map((word, i) => {
            const open = i === from ? `${mark} ` : ''
            const close = i === to ? ' */' : ''
            return `${open}${noises[i]!.join('')} ${word} ${close}`
          })
          const text = pieces.join('')
          for (const flags of [MYSQL, MARIADB]) expect(read(text, flags)).toBe(expected)
        },
      ),
      { numRuns: 1500 },
    )
  })

  it('case of keywords changes nothing', () => {
    for (const [expected, words] of statements) {
      const lower = words.map(word => (/^[A-Z]{2,}$/.test(word) ? word.toLowerCase() : word)).join(' ')
      expect(read(lower)).toBe(expected)
    }
  })

  it('any text, and any statement cut anywhere, is read without an error', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        expect(readStatement(text, 'd', MARIADB).kind).toBeDefined()
      }),
    )
    for (const [, text] of ALL)
      for (let end = 0; end < text.length; end++)
        expect(readStatement(text.slice(0, end), 'd', MYSQL).kind).toBeDefined()
  })

  it('takes time in proportion to the text', () => {
    const parts = [
      '(',
      "'",
      '`',
      '/*',
      '/*!',
      '--',
      '#',
      '"',
      "''",
      '``',
      'SET STATEMENT x=1 FOR ',
      ',',
      'a.',
      '\\',
      '*/',
    ]
    const begun = performance.now()
    for (const part of parts)
      for (const head of ['', 'CREATE TABLE t ', 'ALTER TABLE t ', 'DROP TABLE ', 'SET STATEMENT '])
        expect(readStatement(head + part.repeat(30_000), 'd', MYSQL).kind).toBeDefined()
    expect(performance.now() - begun).toBeLessThan(10_000)
  })
})

describe('the corpus', () => {
  it('is large enough to mean something', () => {
    expect(ALL.length + MARIADB_ONLY.length).toBeGreaterThan(200)
  })
})
