-- status: indicators
-- Every indicator of the place, empty ones too. ok = what the indicator is to reach is reached.
WITH told AS MATERIALIZED (
  SELECT c.subject, n.name, i.num IS NOT NULL AND i.den IS NOT NULL AS known,
         iif(round(i.num) = i.num, CAST(i.num AS INTEGER), i.num) AS num,
         iif(round(i.den) = i.den, CAST(i.den AS INTEGER), i.den) AS den
    FROM changed c CROSS JOIN temp.indicator_name n
    LEFT JOIN indicator i ON i.place = c.subject AND i.name = n.name)
SELECT subject AS place, 'indicators' AS section, name,
  CASE
    WHEN name IN ('house.cover', 'house.groups', 'water.assessed', 'water.safe', 'visit') AND known
    THEN json_object('num', num, 'den', den, 'ok', json(iif(num >= den, 'true', 'false')))
    WHEN name IN ('house.left', 'house.unattainable', 'water.left', 'task.overdue')
    THEN json_object('num', coalesce(num, 0), 'den', coalesce(den, 0),
                     'ok', json(iif(coalesce(num, 0) = 0, 'true', 'false')))
    ELSE json_object('num', coalesce(num, 0), 'den', coalesce(den, 0)) END AS value
  FROM told
