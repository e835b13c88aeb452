-- rule: T-Q1
-- level: county
-- forms: register.target indicator
-- title-zh: 核实数据:名单人数与目标不符
-- title-en: Check the data: the lists are not what the targets say
-- dq14: the frozen lists of those who are to exit, or were relocated, are longer or shorter than the
-- targets; since the newest list was imported.
WITH listed AS MATERIALIZED (
  SELECT c.subject, t.view, t.target, sum(l.num) AS num
    FROM changed c CROSS JOIN (
      SELECT 'list.exit_persons' AS view, param('target.exit_persons') AS target
      UNION ALL SELECT 'list.relocated_persons', param('target.relocated_persons')) t
    CROSS JOIN entity d ON d.kind = 'division' AND d.id > c.subject AND d.id < substr(c.subject, 1, 6) || ':'
    CROSS JOIN ledger l ON l.subject = d.id AND l.view = t.view
   WHERE t.target IS NOT NULL GROUP BY c.subject, t.view),
wrong AS MATERIALIZED (
  SELECT subject, substr(view, 6) AS list FROM listed WHERE num <> target + 0),
dated AS (
  SELECT w.subject, hlc_day(max(r.hlc)) AS day
    FROM wrong w CROSS JOIN entity d ON d.kind = 'division' AND d.id > w.subject AND d.id < substr(w.subject, 1, 6) || ':'
    CROSS JOIN stored_record r ON r.subject = d.id AND r.form = 'register.target'
   WHERE r.body ->> '$.data.list' = w.list GROUP BY w.subject)
SELECT subject AS root, subject, subject AS place, 'dq14' AS part, day AS opened, date(day, '+7 days') AS due,
       'CO' AS assignee_role, 'CO' AS verifier_role
  FROM dated
