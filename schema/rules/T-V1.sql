-- rule: T-V1
-- level: household
-- forms: hh.facts person.facts check.income visit.household
-- title-zh: 本月入户走访
-- title-en: Visit the household this month
SELECT c.subject AS root, c.subject, l.place, m.value ->> '$.month' AS cycle,
       (m.value ->> '$.month') || '-01' AS opened,
       date((m.value ->> '$.month') || '-01', '+1 month', '-1 day') AS due,
       m.value ->> '$.closed' AS closed, 'HL' AS assignee_role, 'VO' AS verifier_role
  FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'visit'
  CROSS JOIN json_each(l.doc) m
