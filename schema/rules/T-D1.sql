-- rule: T-D1
-- level: household
-- forms: hh.facts person.facts exit.step check.education register.cadre
-- reads: education
-- priority: 1
-- title-zh: 失学辍学:劝返复学
-- title-en: Dropped out of school: bring back
-- Ended by a check or facts that show the child at school, or when the township agrees that it is unfit
-- for school by health.
SELECT c.subject AS root, x.value ->> '$.person' AS subject, substr(c.subject, 1, 12) AS place,
       x.value ->> '$.cycle' AS cycle, x.value ->> '$.opened' AS opened,
       date(x.value ->> '$.opened', '+7 days') AS due, x.value ->> '$.closed' AS closed,
       x.value ->> '$.cause' AS cause, 'TW' AS assignee_role, 'SI' AS verifier_role, 2 AS class
  FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'education'
  CROSS JOIN json_each(l.doc, '$.dropouts') x
