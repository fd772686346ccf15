create table articles (
  id bigint unsigned not null auto_increment primary key,
  title varchar(200) not null,
  description text not null,
  stock int not null
);
insert into articles (title, description, stock) values
  ('Copper kettle', 'Sings when the water boils.', 12),
  ('River lamp', 'Gives light for eight evenings.', 40),
  ('Oak chair', 'Repaired free of charge in every season.', 3);
grant replication slave, replication client on *.* to 'stock'@'%';
