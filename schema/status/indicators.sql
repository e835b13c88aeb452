-- status: indicators
-- Every indicator of the place, empty ones too: all are sums of the villages'. ok = what is to be
-- reached is reached; null = unknown, as long as a figure or a parameter is. What a village has to
-- reach is judged of villages only: a sum would hide one behind the other. Of houses and water nothing
-- is left only when everything was looked at, in every village (groups.open, 90-place). A target of the
-- county is reached when its list is as long as the county said (141,800 is rounded to hundreds).
-- Everybody registered is to be accounted for: exited, not exited, natural change. Health is told of
-- the whole county only, and no cell below 5.
WITH n AS MATERIALIZED (
  SELECT c.subject, substr(c.subject, 10) <> '000' AS village, substr(c.subject, 7) = '000000' AS county,
    max(iif(i.name = 'house.cover', i.num < i.den, 0)) AS unappraised,
    max(iif(i.name = 'house.groups', i.num < i.den, 0)) AS uninspected,
    max(iif(i.name = 'groups.open', i.num, NULL)) AS open,
    max(iif(i.name = 'registered.unknown', i.num, 0)) AS unregistered,
    max(iif(i.name = 'water.unjudged', i.num, 0)) AS unjudged,
    max(iif(i.name = 'water.assessed', i.den, 0)) AS homes,
    max(iif(i.name = 'water.safe', i.num, 0)) AS safe,
    sum(iif(i.name GLOB 'inventory.*', i.num, 0)) AS accounted
    FROM changed c LEFT JOIN indicator i ON i.place = c.subject
     AND i.name IN ('house.cover', 'house.groups', 'groups.open', 'registered.unknown', 'water.unjudged',
                    'water.assessed', 'water.safe', 'inventory.exited', 'inventory.unexited',
                    'inventory.natural')
   GROUP BY c.subject),
told AS MATERIALIZED (
  SELECT n.*, x.name, i.num IS NOT NULL AND i.den IS NOT NULL AS known, i.num AS a, i.den AS b,
         iif(round(i.num) = i.num, CAST(i.num AS INTEGER), i.num) AS num,
         iif(round(i.den) = i.den, CAST(i.den AS INTEGER), i.den) AS den
    FROM n CROSS JOIN temp.indicator_name x
    LEFT JOIN indicator i ON i.place = n.subject AND i.name = x.name
   WHERE n.county OR x.name NOT GLOB 'health.*'),
judged AS MATERIALIZED (
  SELECT subject, name, num, den, county,
    CASE
      WHEN name IN ('house.cover', 'water.assessed', 'visit', 'reloc', 'env.reported', 'env.rule')
      THEN iif(known, a >= b, NULL)
      WHEN name = 'house.groups' THEN CASE WHEN a < b THEN 0 WHEN open = 0 THEN 1 END
      WHEN name = 'water.safe' THEN CASE WHEN a >= b THEN 1 WHEN a + unjudged < b THEN 0 END
      WHEN name GLOB 'target.*'
      THEN a >= b AND (NOT county OR iif(name = 'target.water_persons', round(b / 100) * 100, b) >= param(name) + 0)
      WHEN name = 'house.left' OR name = 'house.demolish_left'
      THEN CASE WHEN a > 0 OR unappraised OR uninspected THEN 0 WHEN open = 0 THEN 1 END
      WHEN name = 'water.left' THEN coalesce(a, 0) = 0 AND safe >= homes AND homes > 0
      WHEN name IN ('house.unattainable', 'house.demolish_unattainable', 'task.overdue') THEN coalesce(a, 0) = 0
      WHEN name = 'inventory.registered' THEN iif(unregistered > 0, NULL, a = accounted)
      WHEN NOT village THEN NULL
      WHEN name = 'v.incidence' THEN 100.0 * a / b < param('v.incidence_pct_max') + 0
      WHEN name = 'v.road' THEN 100.0 * a / b >= param('v.road_pct_min') + 0
      WHEN name = 'v.power' THEN 100.0 * a / b >= param('v.power_pct_min') + 0
      WHEN name = 'v.broadband' THEN 100.0 * a / b >= param('v.broadband_pct_min') + 0
      WHEN name IN ('v.industry', 'v.collective', 'v.infra', 'v.services', 'v.clinic', 'v.doctors', 'v.culture',
                    'v.exit_ready', 'v.exited', 'post', 'post.last', 'env.chiefs') THEN a >= b
    END AS ok,
    village AND (name IN ('post', 'post.last', 'env.chiefs')
                 OR name GLOB 'v.*' AND name NOT IN ('v.bus', 'v.school', 'v.kindergarten', 'v.elder_home',
                                                     'v.job_station', 'v.workshops'))
    OR name IN ('house.cover', 'house.groups', 'water.assessed', 'water.safe', 'visit', 'reloc', 'env.reported',
                'env.rule', 'house.left', 'house.demolish_left', 'water.left', 'house.unattainable',
                'house.demolish_unattainable', 'task.overdue', 'inventory.registered')
    OR name GLOB 'target.*' OR a IS NULL AND b IS NOT NULL AS asked
    FROM told)
SELECT subject AS place, 'indicators' AS section, name,
  '{"num":' || iif(name GLOB 'health.*' AND num < 5, 'null', coalesce(num, 0))
  || ',"den":' || iif(name GLOB 'health.*' AND den < 5, 'null', coalesce(den, 0))
  || CASE WHEN NOT asked THEN '' WHEN ok IS NULL THEN ',"ok":null' WHEN ok THEN ',"ok":true'
          ELSE ',"ok":false' END || '}' AS value
  FROM judged
