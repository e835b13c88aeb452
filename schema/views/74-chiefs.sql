-- view: chiefs
-- level: village
-- forms: inspect.env_village village.survey register.division
-- keeps: marks.finding
-- The monthly reports that name fewer pond chiefs than the village has ponds: to be looked at again as
-- findings when the number of ponds changes.
SELECT subject, 'marks.finding' AS name, json_group_array(id) AS doc FROM (
  SELECT c.subject, id_text(r.id) AS id FROM changed c
    CROSS JOIN entity v ON v.kind = 'division' AND v.id = c.subject
    CROSS JOIN stored_record r ON r.subject = c.subject AND r.form = 'inspect.env_village'
   WHERE r.body ->> '$.data.chiefs.pond' < v.doc ->> '$.ponds_total'
   ORDER BY c.subject, r.id)
 GROUP BY subject
