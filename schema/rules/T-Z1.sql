-- rule: T-Z1
-- level: county
-- forms: indicator register.division task.update
-- title-zh: 月度工作
-- title-en: Work of the month
-- For each month since the county is registered: one scheduled dispatch (an item of a list that the
-- county issues), one covert round (what the covert team found), and until the 5th of the next month
-- the bulletin about it, of which the county reports that it went out.
WITH RECURSIVE
month(subject, month, day) AS (
  SELECT subject, substr(since, 1, 7), substr(since, 1, 7) || '-01' FROM (
    SELECT c.subject, (SELECT hlc_day(min(r.hlc)) FROM stored_record r
                        WHERE r.subject = c.subject AND r.form = 'register.division') AS since
      FROM changed c) WHERE since IS NOT NULL
  UNION ALL
  SELECT subject, substr(date(day, '+1 month'), 1, 7), date(day, '+1 month') FROM month
   WHERE date(day, '+1 month') <= today()),
dispatched AS MATERIALIZED (
  SELECT c.subject, substr(o.doc ->> '$.day', 1, 7) AS month, min(o.doc ->> '$.day') AS day
    FROM changed c CROSS JOIN ledger o ON o.place = c.subject AND o.view = 'order'
   WHERE o.doc ->> '$.kind' = 'list' AND o.doc ->> '$.issuer_role' = 'CO'
   GROUP BY c.subject, substr(o.doc ->> '$.day', 1, 7)),
seen AS MATERIALIZED (
  SELECT c.subject, substr(l.doc ->> '$.day', 1, 7) AS month, min(l.doc ->> '$.day') AS day
    FROM changed c CROSS JOIN ledger l ON l.place = c.subject AND l.view = 'finding.loop'
   WHERE l.doc ->> '$.source' = 'covert'
   GROUP BY c.subject, substr(l.doc ->> '$.day', 1, 7))
SELECT subject AS root, subject, subject AS place, 'dispatch' AS part, month AS cycle, day AS opened,
       date(day, '+1 month', '-1 day') AS due,
       (SELECT d.day FROM dispatched d WHERE d.subject = m.subject AND d.month = m.month) AS closed,
       '每月调度' AS title_zh, 'Dispatch of the month' AS title_en,
       'CO' AS assignee_role, 'CO' AS verifier_role, 1 AS class
  FROM month m
UNION ALL
SELECT subject, subject, subject, 'covert', month, day, date(day, '+1 month', '-1 day'),
       (SELECT s.day FROM seen s WHERE s.subject = m.subject AND s.month = m.month),
       '每月暗访', 'Covert round of the month', 'CT', 'CO', 5
  FROM month m
UNION ALL
SELECT subject, subject, subject, 'bulletin', month, date(day, '+1 month'), date(day, '+1 month', '+4 days'),
       (SELECT hlc_day(min(r.hlc)) FROM stored_record r
         WHERE r.subject = 'T-Z1-' || m.subject || '-bulletin-' || m.month AND r.form = 'task.update'
           AND r.body ->> '$.data.state' = 'reported' AND cadre_at(r.author, 'role', r.hlc) = 'CO'),
       '每月通报', 'Bulletin of the month', 'CO', 'CO', 1
  FROM month m WHERE date(day, '+1 month') <= today()
