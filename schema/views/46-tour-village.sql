-- view: tour
-- level: village
-- forms: register.division village.survey indicator
-- names: tour.county
-- Poor villages in which the county's secretary visited a poor household.
SELECT c.subject, 'tour.county' AS name, c.subject AS place,
       EXISTS (SELECT 1 FROM ledger l WHERE l.place = c.subject AND l.view = 'tour.seen') AS num, 1 AS den
  FROM changed c CROSS JOIN entity v ON v.kind = 'division' AND v.id = c.subject
 WHERE v.gone = '' AND v.doc ->> '$.poor_village'
