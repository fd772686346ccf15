import type { PostgresServer } from '../../support/postgres.ts'

/**
 * One million changes of a 12-column table (60 % inserts, 30 % updates, 10 % deletes) in transactions of 10 to 100 rows,
 * behind half a million rows that were there before, waiting in the slot `workload`.
 */

export const BENCH_TABLE = 'public.bench_orders'
export const BENCH_PUBLICATION = 'bench'
export const BENCH_SLOT = 'workload'

const SCHEMA = `
create table ${BENCH_TABLE} (
  id bigint primary key, customer_id bigint not null, status text not null, total numeric(12,2) not null,
  currency char(3) not null, quantity integer not null, created_at timestamptz not null, updated_at timestamptz not null,
  email text not null, address text not null, note text, attributes jsonb not null
);
create function bench_row(i bigint, ver int) returns ${BENCH_TABLE} language sql immutable as $$
  select i, i % 50000, (array['placed','paid','shipped','returned'])[1 + (i + ver) % 4], ((i * 7919 + ver) % 10000000) / 100.0,
    'EUR', (1 + i % 9)::int, timestamptz '2024-01-01 00:00:00+00' + i * interval '1.000001 s',
    timestamptz '2025-01-01 00:00:00+00' + (i + ver) * interval '0.500001 s',
    'customer' || i % 50000 || '@example.org', i % 997 || ' Mill Lane, Upper Riverford, ' || md5(i::text),
    case when i % 5 = 0 then null else 'ring twice, then leave it by the weir ' || ver end,
    jsonb_build_object('gift', i % 2 = 0, 'weight', i % 1000, 'ver', ver)
$$;
create procedure bench_changes(changes bigint, first bigint) language plpgsql as $$
declare done bigint := 0; size int; next_id bigint := first + 1; i int; roll int; victim bigint; gone bigint := 0;
begin
  while done < changes loop
    size := least(10 + (done * 31) % 91, changes - done);
    for i in 1 .. size loop
      roll := (done + i) % 10;
      if roll < 6 then
        insert into ${BENCH_TABLE} select * from bench_row(next_id, 0);
        next_id := next_id + 1;
      elsif roll < 9 then
        victim := first / 2 + ((done + i) * 7919) % (first / 2);
        update ${BENCH_TABLE} set status = 'changed', total = total + 0.01, quantity = quantity + 1,
          updated_at = updated_at + interval '1 s', note = 'changed ' || done where id = victim;
      else
        gone := gone + 1;
        delete from ${BENCH_TABLE} where id = gone;
      end if;
    end loop;
    done := done + size;
    commit;
  end loop;
end $$;
`

/** Settings for a server that is measured: checkpoints and vacuum out of the way, fsync as it comes. */
export const BENCH_SETTINGS: Readonly<Record<string, string>> = {
  shared_buffers: '1GB',
  max_wal_size: '16GB',
  checkpoint_timeout: '1h',
  autovacuum: 'off',
  fsync: 'off',
  max_replication_slots: '40',
}

/** `preloaded` must be at least a fifth of `changes`, so that every delete finds its row. */
export async function makeWorkload(server: PostgresServer, changes: number, preloaded: number): Promise<string> {
  await server.sql(SCHEMA)
  await server.sql(
    `insert into ${BENCH_TABLE} select r.* from generate_series(1, ${preloaded}) i, lateral bench_row(i, 0) r`,
  )
  await server.sql(`analyze ${BENCH_TABLE}`)
  await server.sql(`create publication ${BENCH_PUBLICATION} for table ${BENCH_TABLE}`)
  await server.sql(`select pg_create_logical_replication_slot('${BENCH_SLOT}', 'pgoutput')`)
  if (changes > 0) await server.sql(`call bench_changes(${changes}, ${preloaded})`)
  const [row] = await server.sql('select pg_current_wal_lsn()::text as lsn')
  return row!.lsn!
}
