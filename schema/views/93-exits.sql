-- view: exits
-- level: place
-- names: inventory.exit_2014 inventory.exit_2015 inventory.exit_2016 inventory.exit_2017 inventory.exit_2018 inventory.exit_2019 inventory.exit_2020
-- Persons and households that exited, by year.
SELECT c.subject, 'inventory.exit_' || (l.doc ->> '$.year') AS name, c.subject AS place,
       sum(l.num) AS num, count(*) AS den
  FROM changed c CROSS JOIN ledger l ON l.place = c.subject AND l.view = 'inventory.exited'
 WHERE l.doc ->> '$.year' BETWEEN 2014 AND 2020
 GROUP BY c.subject, l.doc ->> '$.year'
