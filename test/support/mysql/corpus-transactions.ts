import type { Corpus } from './corpus.ts'

export const TRANSACTIONS: Corpus = [
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
