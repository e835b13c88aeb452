-- status: campaigns
-- The wall map. The first that fits: grey without records; green when cleared (nothing left, and
-- everything was looked at); red when something cannot be reached any more or is behind the plan;
-- else yellow. Unset dates: no plan, never red for it.
WITH n AS MATERIALIZED (
  SELECT c.subject,
    max(iif(i.name = 'house.inspected', i.num, 0)) AS inspected,
    max(iif(i.name = 'house.left', i.num, 0)) AS house_left,
    max(iif(i.name = 'house.left', i.den, 0)) AS house_listed,
    max(iif(i.name = 'house.cover', i.num, NULL)) AS covered,
    max(iif(i.name = 'house.cover', i.den, NULL)) AS focus,
    max(iif(i.name = 'groups.open', i.num, NULL)) AS open,
    max(iif(i.name = 'house.unattainable', i.num, 0)) AS unattainable,
    max(iif(i.name = 'house.demolish_unattainable', i.num, 0)) AS too_late,
    max(iif(i.name = 'house.demolish_left', i.num, 0)) AS standing,
    max(iif(i.name = 'house.demolish_left', i.den, 0)) AS standing_listed,
    max(iif(i.name = 'water.left', i.num, 0)) AS water_left,
    max(iif(i.name = 'water.left', i.den, NULL)) AS baseline,
    max(i.name = 'water.said') AS tested,
    max(iif(i.name = 'water.assessed', i.num, 0)) AS assessed,
    max(iif(i.name = 'water.assessed', i.den, 0)) AS households,
    max(iif(i.name = 'water.safe', i.num, 0)) AS safe,
    max(iif(i.name = 'reloc', i.num, 0)) AS moved,
    max(iif(i.name = 'reloc', i.den, 0)) AS moved_all,
    max(iif(i.name = 'env', i.num, 0)) AS clean,
    max(iif(i.name = 'env', i.den, 0)) AS clean_seen
    FROM changed c LEFT JOIN indicator i ON i.place = c.subject
     AND i.name IN ('house.inspected', 'house.left', 'house.cover', 'groups.open', 'house.unattainable',
                    'house.demolish_unattainable', 'house.demolish_left', 'water.left', 'water.said',
                    'water.assessed', 'water.safe', 'reloc', 'env')
   GROUP BY c.subject),
campaign AS MATERIALIZED (
  SELECT subject, 'housing' AS name, inspected = 0 AND house_listed = 0 AS grey,
         house_left = 0 AND coalesce(covered >= focus, 1) AND coalesce(open = 0, 0) AS clear,
         unattainable > 0 AS hopeless,
         CASE WHEN house_listed > 0 THEN 100.0 * (house_listed - house_left) / house_listed END AS actual
    FROM n
  UNION ALL
  SELECT subject, 'demolition', inspected = 0 AND standing_listed = 0,
         standing = 0 AND coalesce(open = 0, 0), too_late > 0,
         CASE WHEN standing_listed > 0 THEN 100.0 * (standing_listed - standing) / standing_listed END FROM n
  UNION ALL
  SELECT subject, 'water', NOT coalesce(tested, 0),
         water_left = 0 AND assessed >= households AND safe >= households, 0,
         CASE WHEN baseline > 0 THEN max(0, 100.0 * (baseline - water_left) / baseline) END FROM n
  UNION ALL
  SELECT subject, 'relocation', moved = 0, moved >= moved_all, 0,
         CASE WHEN moved_all > 0 THEN 100.0 * moved / moved_all END FROM n
  UNION ALL
  SELECT subject, 'environment', clean_seen = 0, clean >= households AND households > 0, 0,
         CASE WHEN clean_seen > 0 THEN 100.0 * clean / clean_seen END FROM n),
plan AS MATERIALIZED (
  SELECT *, CASE WHEN stop > start THEN max(0, min(100, 100.0 * (julianday(today()) - julianday(start))
                                            / (julianday(stop) - julianday(start)))) END AS planned
    FROM (SELECT *, param('campaign.' || name || '.start') AS start,
                 param('campaign.' || name || '.stop') AS stop FROM campaign))
SELECT subject AS place, 'campaigns' AS section, name,
  json_object('colour', CASE WHEN grey THEN 'grey' WHEN clear THEN 'green'
                             WHEN hopeless OR actual < planned THEN 'red'
                             ELSE 'yellow' END,
              'planned_pct', round(planned, 1), 'actual_pct', round(actual, 1)) AS value
  FROM plan
