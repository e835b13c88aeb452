-- view: dq-helper
-- level: household
-- forms: assign.set
-- keeps: marks.village
-- Who helps the household and when, so that its village is asked about surveys of it again when that changes.
SELECT subject, 'marks.village' AS name, NULL AS place, NULL AS num, NULL AS den,
       json_group_object(cadre || ' ' || from_day || ' ' || to_day, substr(subject, 1, 12)) AS doc
  FROM (SELECT c.subject, a.cadre, a.from_day, a.to_day
          FROM changed c CROSS JOIN assignment a ON a.target = c.subject
         WHERE a.kind = 'cadre_household' AND substr(c.subject, 14) <> '00-0000' ORDER BY c.subject, a.id)
 GROUP BY subject
