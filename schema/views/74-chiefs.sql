-- view: chiefs
-- level: village
-- forms: inspect.env_village village.survey register.division
-- keeps: marks.finding
-- The monthly reports that have effect (35-env-village) and name fewer pond chiefs than the village has
-- ponds: to be looked at again as findings when that changes with the village's facts.
SELECT subject, 'marks.finding' AS name, json_group_array(id) AS doc FROM (
  SELECT c.subject, id_text(r.id) AS id FROM changed c
    CROSS JOIN entity v ON v.kind = 'division' AND v.id = c.subject
    CROSS JOIN stored_record r ON r.subject = c.subject AND r.form = 'inspect.env_village'
   WHERE coalesce(r.body ->> '$.data.chiefs.pond', 0) < v.doc ->> '$.ponds_total'
     AND coalesce(r.body ->> '$.data.sanitary_hh' <= v.doc ->> '$.households', 1)
   ORDER BY c.subject, r.id)
 GROUP BY subject
