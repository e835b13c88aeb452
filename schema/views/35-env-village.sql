-- view: env-village
-- level: village
-- forms: register.division village.survey inspect.env_village
-- names: env.sanitary env.ponds.month env.ponds.year env.waste.month env.waste.year env.clutter.month env.clutter.year env.billboards.month env.billboards.year env.idle.month env.idle.year env.habit.month env.habit.year
-- keeps: env.months fault.env
-- The village's monthly report (five clean-ups, one habit): the newest of a month counts. One that
-- names more households with a sanitary toilet than the village has, has no effect until it fits.
-- `env.months`: [{"month", "day" of its first report, "cause", the quantities and what else it says}].
WITH report AS MATERIALIZED (
  SELECT c.subject, r.hlc, r.id, hlc_day(r.hlc) AS day, r.body ->> '$.data.month' AS month,
         r.body -> '$.data' AS data, coalesce(
           (r.body ->> '$.data.sanitary_hh') <= (v.doc ->> '$.households'), 1) AS fits,
         v.doc ->> '$.households' AS households
    FROM changed c CROSS JOIN stored_record r
      ON r.subject = c.subject AND r.form = 'inspect.env_village'
    CROSS JOIN entity v ON v.kind = 'division' AND v.id = c.subject
   WHERE v.gone = ''),
turn AS MATERIALIZED (
  SELECT *, sum(fits) OVER (PARTITION BY subject, month ORDER BY hlc, id) AS turn FROM report),
month AS MATERIALIZED (
  SELECT *, row_number() OVER (PARTITION BY subject ORDER BY month DESC) AS back FROM (
    SELECT *, first_value(day) OVER (PARTITION BY subject, month ORDER BY hlc, id) AS first,
           first_value(id) OVER (PARTITION BY subject, month ORDER BY hlc, id) AS cause,
           row_number() OVER (PARTITION BY subject, month ORDER BY hlc DESC, id DESC) AS k
      FROM turn WHERE fits)
   WHERE k = 1),
quantity(name, field) AS (VALUES ('ponds', '$.ponds'), ('waste', '$.waste_t'), ('clutter', '$.clutter'),
  ('billboards', '$.billboards'), ('idle', '$.idle_m2'), ('habit', '$.habit_sessions')),
total AS MATERIALIZED (
  SELECT m.subject, q.name, sum(iif(m.month = substr(today(), 1, 7), m.data ->> q.field, 0)) AS this_month,
         sum(m.data ->> q.field) AS this_year
    FROM month m CROSS JOIN quantity q WHERE substr(m.month, 1, 4) = substr(today(), 1, 4)
   GROUP BY m.subject, q.name),
misfit AS MATERIALIZED (
  SELECT *, (SELECT min(x.day) FROM turn x WHERE x.subject = s.subject AND x.month = s.month AND x.fits
               AND x.turn = s.turn + 1) AS closed,
         row_number() OVER (PARTITION BY subject, month ORDER BY turn) AS cycle
    FROM (SELECT *, row_number() OVER (PARTITION BY subject, month, turn ORDER BY hlc, id) AS k
            FROM turn WHERE NOT fits) s
   WHERE k = 1)
SELECT subject, 'env.sanitary' AS name, subject AS place, data ->> '$.sanitary_hh' AS num,
       households AS den, '{}' AS doc
  FROM month WHERE back = 1 AND households IS NOT NULL
UNION ALL SELECT subject, 'env.' || name || '.month', subject, this_month, NULL, '{}' FROM total
UNION ALL SELECT subject, 'env.' || name || '.year', subject, this_year, NULL, '{}' FROM total
UNION ALL
SELECT subject, 'env.months', NULL, NULL, NULL, json_group_array(json_object(
         'month', month, 'day', first, 'cause', id_text(cause), 'ponds', data ->> '$.ponds',
         'waste_t', data ->> '$.waste_t', 'clutter', data ->> '$.clutter',
         'billboards', data ->> '$.billboards', 'idle_m2', data ->> '$.idle_m2',
         'habit_sessions', data ->> '$.habit_sessions', 'sanitary_hh', data ->> '$.sanitary_hh',
         'sewage_hh', data ->> '$.sewage_hh', 'cleaning_rule', data ->> '$.cleaning_rule',
         'pond_chiefs', coalesce(data ->> '$.chiefs.pond', 0)))
  FROM (SELECT * FROM month ORDER BY subject, month) GROUP BY subject
UNION ALL
SELECT subject, 'fault.env', NULL, NULL, NULL, json_group_array(json_object(
         'part', 'env' || replace(month, '-', ''), 'cycle', cycle, 'opened', day, 'closed', closed,
         'cause', id_text(id), 'zh', '核实数据:卫生厕所户数多于全村户数(' || month || ')',
         'en', 'Check the data: more sanitary toilets than households (' || month || ')'))
  FROM (SELECT * FROM misfit ORDER BY subject, month, cycle) GROUP BY subject
