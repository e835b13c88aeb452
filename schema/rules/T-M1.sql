-- rule: T-M1
-- level: household
-- forms: hh.facts person.facts exit.step check.medical
-- reads: medical
-- priority: 2
-- title-zh: 未参加基本医保:落实参保
-- title-en: Not insured: have the member insured
-- One for each member; ended by a check or facts that show the member insured, or when the member
-- leaves.
SELECT c.subject AS root, x.value ->> '$.person' AS subject, substr(c.subject, 1, 12) AS place,
       x.value ->> '$.cycle' AS cycle, x.value ->> '$.opened' AS opened,
       date(x.value ->> '$.opened', '+15 days') AS due, x.value ->> '$.closed' AS closed,
       x.value ->> '$.cause' AS cause, 'VO' AS assignee_role, 'SI' AS verifier_role, 2 AS class
  FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'medical'
  CROSS JOIN json_each(l.doc, '$.uninsured') x
