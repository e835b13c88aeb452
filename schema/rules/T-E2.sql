-- rule: T-E2
-- level: village
-- forms: register.division village.survey inspect.env_village
-- reads: env.months
-- title-zh: 上报本月村环境整治情况
-- title-en: Monthly village environment report
-- One a month, from the day on which the village was registered or the campaign began to its stop;
-- until it is reported.
WITH RECURSIVE home AS MATERIALIZED (
  SELECT c.subject, max(coalesce(param('campaign.environment.start'), ''), (
           SELECT hlc_day(r.hlc) FROM stored_record r
            WHERE r.subject = c.subject AND r.form = 'register.division' ORDER BY r.hlc LIMIT 1)) AS since,
         min(today(), coalesce(param('campaign.environment.stop'), today())) AS until
    FROM changed c CROSS JOIN entity v ON v.kind = 'division' AND v.id = c.subject
   WHERE v.gone = '' AND substr(c.subject, 10) <> '000'),
month(subject, since, until, first) AS (
  SELECT subject, since, until, substr(since, 1, 7) || '-01' FROM home WHERE since <= until
  UNION ALL
  SELECT subject, since, until, date(first, '+1 month') FROM month WHERE date(first, '+1 month') <= until)
SELECT m.subject AS root, m.subject, m.subject AS place, substr(m.first, 1, 7) AS cycle,
       max(m.first, m.since) AS opened, date(m.first, '+1 month', '+4 days') AS due,
       param('campaign.environment.stop') AS stop,
       max(m.first, m.since, (SELECT q.value ->> '$.day' FROM ledger l, json_each(l.doc) q
         WHERE l.subject = m.subject AND l.view = 'env.months'
           AND q.value ->> '$.month' = substr(m.first, 1, 7))) AS closed,
       'VO' AS assignee_role, 'TW' AS verifier_role
  FROM month m
