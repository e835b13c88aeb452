-- rule: T-V1
-- level: household
-- forms: hh.facts
-- reads: visit
-- title-zh: 本月入户走访
-- title-en: Visit the household this month
-- A month without its visits stays overdue until they are made up for.
SELECT c.subject AS root, c.subject, substr(c.subject, 1, 12) AS place, m.value ->> '$.month' AS cycle,
       (m.value ->> '$.month') || '-01' AS opened,
       date((m.value ->> '$.month') || '-01', '+1 month', '-1 day') AS due,
       m.value ->> '$.closed' AS closed, 'HL' AS assignee_role, 'VO' AS verifier_role
  FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'visit'
  CROSS JOIN json_each(l.doc) m
