-- view: dq-survey
-- level: village
-- forms: register.division village.survey
-- keeps: fault.survey
-- What the survey's form asks of one record, of what several said of a village: no more groups with a
-- road than there are groups, nor households with power or broadband than households; from the record
-- that made it so to the one that mended it.
WITH pair(part, path, whole, zh, en) AS (VALUES
  ('road', 'groups_road', 'groups', '核实数据:通路村民组多于村民组数', 'Check the data: more groups with a road than groups'),
  ('power', 'hh_power', 'households', '核实数据:通电户数多于全村户数', 'Check the data: more households with power than households'),
  ('broadband', 'hh_broadband', 'households', '核实数据:通宽带户数多于全村户数',
   'Check the data: more households with broadband than households')),
said AS MATERIALIZED (
  SELECT c.subject, r.hlc, r.id, iif(r.form = 'village.survey', r.body -> '$.data.set', r.body -> '$.data') AS data
    FROM changed c CROSS JOIN stored_record r
      ON r.subject = c.subject AND r.form IN ('register.division', 'village.survey')
   WHERE substr(c.subject, 10) <> '000'),
-- a: what was said of the part, b: of the whole; each counts until it is said anew
step AS MATERIALIZED (
  SELECT subject, part, hlc, id, n,
         coalesce(max(a) OVER (PARTITION BY subject, part, ka) > max(b) OVER (PARTITION BY subject, part, kb), 0) AS bad
    FROM (
      SELECT s.subject, p.part, s.hlc, s.id, s.data ->> ('$.' || p.path) AS a, s.data ->> ('$.' || p.whole) AS b,
             row_number() OVER w AS n, count(json_type(s.data, '$.' || p.path)) OVER w AS ka,
             count(json_type(s.data, '$.' || p.whole)) OVER w AS kb
        FROM said s CROSS JOIN pair p WINDOW w AS (PARTITION BY s.subject, p.part ORDER BY s.hlc, s.id))),
turn AS (
  SELECT *, lead(hlc_day(hlc)) OVER (PARTITION BY subject, part ORDER BY n) AS closed FROM (
    SELECT *, lag(bad, 1, 0) OVER (PARTITION BY subject, part ORDER BY n) AS before FROM step)
   WHERE bad <> before)
SELECT subject, 'fault.survey' AS name, NULL AS place, NULL AS num, NULL AS den, json_group_array(json_object(
         'part', part, 'cycle', cycle, 'opened', opened, 'closed', closed, 'cause', id_text(id), 'zh', zh, 'en', en)) AS doc
  FROM (SELECT t.subject, t.part, t.id, t.closed, hlc_day(t.hlc) AS opened, p.zh, p.en,
               row_number() OVER (PARTITION BY t.subject, t.part ORDER BY t.n) AS cycle
          FROM turn t CROSS JOIN pair p ON p.part = t.part WHERE t.bad ORDER BY t.subject, t.part, t.n)
 GROUP BY subject
