-- view: left
-- level: household
-- forms: hh.facts person.facts exit.step
-- reads: members
-- keeps: left
-- Who left the household, as the ends of their ids: what the frozen lists show as natural change.
SELECT c.subject, 'left' AS name, substr(c.subject, 1, 12) AS place, NULL AS num, NULL AS den,
       json_group_array(substr(m.value ->> '$.id', length(c.subject) + 2)) AS doc
  FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'members'
  CROSS JOIN json_each(unsealed(l.doc)) m
 WHERE unsealed(l.doc) GLOB '*"left":[0-9]*' AND m.value ->> '$.left' IS NOT NULL
 GROUP BY c.subject
