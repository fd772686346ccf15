create table products (
  id bigint generated always as identity primary key,
  title text not null,
  description text not null,
  price numeric(10, 2) not null
);
insert into products (title, description, price) values
  ('Copper kettle', 'Sings when the water boils.', 39.90),
  ('River lamp', 'Gives light for eight evenings.', 54.00),
  ('Oak chair', 'Repaired free of charge in every season.', 120.50);
