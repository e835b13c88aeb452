-- view: county
-- level: county
-- forms: register.cadre
-- keeps: cadres
-- Active cadres of the register.
SELECT c.subject, 'cadres' AS name, c.subject AS place, count(*) AS num, NULL AS den
  FROM changed c CROSS JOIN entity e ON e.kind = 'cadre' AND e.id > 'C-' AND e.id < 'C.'
 WHERE e.gone = '' AND e.doc ->> '$.active'
 GROUP BY c.subject
