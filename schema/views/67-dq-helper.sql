-- view: dq-helper
-- level: household
-- forms: assign.set
-- keeps: dq.helper
-- Who helps the household, so that its village is asked about surveys of it again when that changes.
SELECT subject, 'dq.helper' AS name, substr(subject, 1, 12) AS place, count(*) AS num, NULL AS den,
       json_group_array(json_array(cadre, from_day, to_day)) AS doc
  FROM (SELECT c.subject, a.cadre, a.from_day, a.to_day
          FROM changed c CROSS JOIN assignment a ON a.target = c.subject
         WHERE a.kind = 'cadre_household' AND substr(c.subject, 14) <> '00-0000' ORDER BY c.subject, a.id)
 GROUP BY subject
