-- view: dq-village
-- level: village
-- forms: survey.opinion register.division village.survey indicator
-- keeps: fault.village
-- Conflicts of a village's facts. dq14: registered in 2014 were others than exited, did not exit or
-- came and went since, or the water baseline is not those whose water is to be made safe. dq15: a
-- survey gives the water `dq.water_score` of 5 or less where the ledger has at least `dq.water_safe_pct`
-- of a hundred safe, until one gives it more. dq17: a project is to serve more households than the
-- village has, until it is declared anew. dq18: who surveyed a household helps it, until another surveys it.
WITH village AS MATERIALIZED (
  SELECT c.subject, e.doc, e.conflicts FROM changed c CROSS JOIN entity e ON e.kind = 'division' AND e.id = c.subject
   WHERE e.gone = '' AND substr(c.subject, 10) <> '000'),
-- what the figures should be, and since when their sums are what they are
base AS MATERIALIZED (
  SELECT subject, 'registered_2014' AS fact, (
           SELECT sum(i.num) FROM indicator i
            WHERE i.place = v.subject AND i.name IN ('inventory.exited', 'inventory.unexited', 'inventory.natural')) AS num,
         (SELECT date(max(l.den)) FROM ledger l WHERE l.place = v.subject AND l.view = 'dq.registered') AS day
    FROM village v
  UNION ALL
  SELECT v.subject, 'water_baseline', i.num, (
      SELECT date(max(l.den)) FROM ledger l WHERE l.place = v.subject AND l.view = 'dq.watered')
    FROM village v CROSS JOIN indicator i ON i.place = v.subject AND i.name = 'dq.watered'),
written AS (
  SELECT b.subject, b.num, b.day AS since, hlc_day(r.hlc) AS day, r.id,
         coalesce(hlc_day(lead(r.hlc) OVER (PARTITION BY b.subject, b.fact ORDER BY r.hlc, r.id)), '9999') AS until,
         r.body ->> (iif(r.form = 'village.survey', '$.data.set.', '$.data.') || b.fact) AS figure
    FROM base b CROSS JOIN stored_record r
      ON r.subject = b.subject AND r.form IN ('register.division', 'village.survey')
   WHERE json_type(r.body, iif(r.form = 'village.survey', '$.data.set.', '$.data.') || b.fact) IS NOT NULL),
unequal AS (
  SELECT *, sum(fresh) OVER (PARTITION BY subject ORDER BY day, id) AS cycle FROM (
    SELECT *, coalesce(day > max(until) OVER (PARTITION BY subject ORDER BY day, id
                                 ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 1) AS fresh
      FROM (SELECT subject, max(day, since) AS day, until, id
              FROM written WHERE figure <> num AND until > max(day, since)))),
asked AS MATERIALIZED (
  SELECT v.subject, r.hlc, r.id, hlc_day(r.hlc) AS day, r.author, unsealed(r.body) ->> '$.data.hh' AS hh,
         r.body ->> '$.data.water' AS water
    FROM village v CROSS JOIN stored_record r ON r.subject = v.subject AND r.form = 'survey.opinion'),
dry AS (
  SELECT subject, day, id, lead(day) OVER (PARTITION BY subject ORDER BY hlc, id) AS until, low FROM (
    SELECT *, lag(low, 1, 0) OVER (PARTITION BY subject ORDER BY hlc, id) AS before
      FROM (SELECT *, water <= param('dq.water_score') + 0 AS low FROM asked WHERE water IS NOT NULL))
   WHERE low <> before),
own AS (
  SELECT k.*, EXISTS (SELECT 1 FROM assignment a WHERE a.target = k.hh AND a.kind = 'cadre_household' AND a.cadre = k.author
                         AND k.day BETWEEN a.from_day AND a.to_day) AS own
    FROM asked k WHERE hh IS NOT NULL),
told AS (
  SELECT subject, NULL AS part, 1 AS cycle, (
      SELECT min(date(substr(max(x.value ->> '$.winner.hlc', x.value ->> '$.loser.hlc'), 1, 19), '+8 hours'))
        FROM json_each(v.conflicts) x) AS opened, NULL AS closed, NULL AS cause
    FROM village v WHERE conflicts <> '[]'
  UNION ALL
  SELECT subject, 'dq14', cycle, opened, closed, id_text(id) FROM (
    SELECT subject, cycle, min(day) AS opened, nullif(max(until), '9999') AS closed, min(id) AS id
      FROM unequal GROUP BY subject, cycle)
  UNION ALL
  SELECT d.subject, 'dq15', row_number() OVER (PARTITION BY d.subject ORDER BY d.day, d.id), d.day, d.until, id_text(d.id)
    FROM dry d CROSS JOIN indicator i ON i.place = d.subject AND i.name = 'water.safe'
   WHERE d.low AND i.den > 0 AND 100.0 * i.num >= param('dq.water_safe_pct') * i.den
  UNION ALL
  SELECT v.subject, 'dq17', row_number() OVER (PARTITION BY v.subject ORDER BY x.value ->> '$.day', x.value ->> '$.id'),
         x.value ->> '$.day', x.value ->> '$.until', x.value ->> '$.id'
    FROM village v CROSS JOIN ledger l ON l.place = v.subject AND l.view = 'dq.served'
    CROSS JOIN json_each(l.doc) x
   WHERE x.value ->> '$.served' > v.doc ->> '$.households'
  UNION ALL
  SELECT o.subject, 'dq18', row_number() OVER (PARTITION BY o.subject ORDER BY o.hlc, o.id), o.day, (
           SELECT min(x.day) FROM own x WHERE x.subject = o.subject AND x.hh = o.hh AND NOT x.own
              AND (x.hlc, x.id) > (o.hlc, o.id)), id_text(o.id)
    FROM own o WHERE o.own)
SELECT subject, 'fault.village' AS name, NULL AS place, NULL AS num, NULL AS den,
       json_group_array(json_object('part', part, 'cycle', cycle, 'opened', opened, 'closed', closed, 'cause', cause,
         'zh', CASE part WHEN 'dq14' THEN '核实数据:底数与在册农户不平'
                         WHEN 'dq15' THEN '核实数据:民调饮水评分低而台账饮水安全'
                         WHEN 'dq17' THEN '核实数据:项目受益户数多于全村户数'
                         WHEN 'dq18' THEN '核实数据:调查人是受访户的帮扶责任人' ELSE '核实数据:两人填报不一致' END,
         'en', CASE part WHEN 'dq14' THEN 'Check the data: the inventory is not that of the households'
                         WHEN 'dq15' THEN 'Check the data: water is surveyed as bad, the ledger has it safe'
                         WHEN 'dq17' THEN 'Check the data: a project serves more households than there are'
                         WHEN 'dq18' THEN 'Check the data: who surveyed the household helps it'
                         ELSE 'Check the data: two cadres disagree' END)) AS doc
  FROM (SELECT * FROM told WHERE opened IS NOT NULL ORDER BY subject, part, cycle) GROUP BY subject
