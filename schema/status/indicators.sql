-- status: indicators
-- Every indicator of the place, empty ones too: all are sums of the villages'. ok = what is to be
-- reached is reached; null = unknown, as long as a figure or a parameter is. What a village has to
-- reach is judged of villages only. Of houses and water nothing is left only when everything was
-- looked at. Everybody registered is to be accounted for: exited, not exited, natural change. Health
-- is told of the whole county only, and no cell below 5.
WITH n AS MATERIALIZED (
  SELECT c.subject, substr(c.subject, 10) <> '000' AS village, substr(c.subject, 7) = '000000' AS county,
    max(iif(i.name = 'house.cover', i.num < i.den, 0)) AS unappraised,
    max(iif(i.name = 'house.groups', i.num < i.den, 0)) AS uninspected,
    max(iif(i.name = 'house.groups', i.den, NULL)) AS groups,
    max(iif(i.name = 'water.assessed', i.den, 0)) AS homes,
    max(iif(i.name = 'water.safe', i.num, 0)) AS safe,
    sum(iif(i.name GLOB 'inventory.*', i.num, 0)) AS accounted
    FROM changed c LEFT JOIN indicator i ON i.place = c.subject
     AND i.name IN ('house.cover', 'house.groups', 'water.assessed', 'water.safe', 'inventory.exited',
                    'inventory.unexited', 'inventory.natural')
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
      WHEN name IN ('house.cover', 'house.groups', 'water.assessed', 'water.safe', 'visit', 'reloc', 'post',
                    'post.last', 'env.reported', 'env.rule', 'env.chiefs') OR name GLOB 'target.*'
      THEN iif(known, a >= b, NULL)
      WHEN name = 'house.left' OR name = 'house.demolish_left'
      THEN coalesce(a, 0) = 0 AND NOT unappraised AND NOT uninspected AND groups > 0
      WHEN name = 'water.left' THEN coalesce(a, 0) = 0 AND safe >= homes AND homes > 0
      WHEN name IN ('house.unattainable', 'task.overdue') THEN coalesce(a, 0) = 0
      WHEN name = 'inventory.registered' THEN a = accounted
      WHEN NOT village THEN NULL
      WHEN name = 'v.incidence' THEN 100.0 * a / b < param('v.incidence_pct_max') + 0
      WHEN name = 'v.road' THEN 100.0 * a / b >= param('v.road_pct_min') + 0
      WHEN name = 'v.power' THEN 100.0 * a / b >= param('v.power_pct_min') + 0
      WHEN name = 'v.broadband' THEN 100.0 * a / b >= param('v.broadband_pct_min') + 0
      WHEN name IN ('v.industry', 'v.collective', 'v.infra', 'v.services', 'v.clinic', 'v.doctors', 'v.culture',
                    'v.exit_ready', 'v.exited') THEN a >= b
    END AS ok,
    village AND name GLOB 'v.*' AND name NOT IN ('v.bus', 'v.school', 'v.kindergarten', 'v.elder_home',
                                                 'v.job_station', 'v.workshops')
    OR name IN ('house.cover', 'house.groups', 'water.assessed', 'water.safe', 'visit', 'reloc', 'post',
                'post.last', 'env.reported', 'env.rule', 'env.chiefs', 'house.left', 'house.demolish_left',
                'water.left', 'house.unattainable', 'task.overdue', 'inventory.registered') OR name GLOB 'target.*' AS asked
    FROM told)
SELECT subject AS place, 'indicators' AS section, name,
  '{"num":' || iif(name GLOB 'health.*' AND num < 5, 'null', coalesce(num, 0))
  || ',"den":' || iif(name GLOB 'health.*' AND den < 5, 'null', coalesce(den, 0))
  || CASE WHEN NOT asked THEN '' WHEN ok IS NULL THEN ',"ok":null' WHEN ok THEN ',"ok":true'
          ELSE ',"ok":false' END || '}' AS value
  FROM judged
