-- rule: T-J1
-- level: village
-- forms: assign.set indicator
-- title-zh: 有就业意愿未就业:落实就业
-- title-en: Able, without work, wants a job: find one
-- For the unit that helps the village; without one, for the township. About a person: the unit sees it
-- as its audience.
WITH unit AS MATERIALIZED (
  SELECT c.subject, (SELECT a.unit FROM assignment a
           WHERE a.target = c.subject AND a.kind = 'unit_village' AND a.unit <> ''
             AND today() BETWEEN a.from_day AND a.to_day
           ORDER BY a.from_day DESC, a.id LIMIT 1) AS unit
    FROM changed c)
SELECT u.subject AS root, j.value ->> '$.person' AS subject, u.subject AS place,
       j.value ->> '$.cycle' AS cycle, j.value ->> '$.found' AS opened,
       date(j.value ->> '$.found', '+30 days') AS due, j.value ->> '$.closed' AS closed,
       j.value ->> '$.cause' AS cause, iif(u.unit IS NULL, 'TW', 'UN') AS assignee_role,
       u.unit AS assignee, 'VO' AS verifier_role, 2 AS class, coalesce(u.unit, '') AS audience
  FROM unit u CROSS JOIN ledger l ON l.place = u.subject AND l.view = 'job'
  CROSS JOIN json_each(l.doc) j
