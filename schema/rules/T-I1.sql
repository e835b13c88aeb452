-- rule: T-I1
-- level: household
-- forms: hh.facts person.facts exit.step check.income
-- reads: income
-- title-zh: 收入异常:复核并签字
-- title-en: Income out of line: check again and sign
-- Below the line (while there is one), or more than half up or down on last year: the next signed
-- check of that year ends it, whatever it finds.
SELECT c.subject AS root, c.subject, substr(c.subject, 1, 12) AS place, x.value ->> '$.cycle' AS cycle,
       x.value ->> '$.opened' AS opened, date(x.value ->> '$.opened', '+15 days') AS due,
       x.value ->> '$.closed' AS closed, x.value ->> '$.cause' AS cause,
       'HL' AS assignee_role, 'VO' AS verifier_role
  FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'income'
  CROSS JOIN json_each(l.doc, '$.asked') x
