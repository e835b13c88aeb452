-- view: finding
-- level: finding
-- forms: finding.report rectify.report verify.lookback register.cadre register.unit
-- names: finding find.found find.closed find.rectified find.reopened
-- keeps: finding.loop
-- Found, rectified, checked, closed, looked back at, reopened: the events that had effect, in the
-- order of their stamps. Nobody verifies who rectified the finding before, or belongs to the unit
-- that has to; a check needs a rectification, a look-back a closed finding. The finding keeps the
-- id and day of its first report; what it says is its newest amendment.
WITH RECURSIVE
version(subject, id, day, n) AS (
  SELECT c.subject, r.id, hlc_day(r.hlc), 0 FROM changed c
    CROSS JOIN record r ON r.id = id_blob(c.subject)
   WHERE r.form = 'finding.report' AND r.outcome = 1 AND r.amends IS NULL
  UNION
  SELECT v.subject, r.id, v.day, v.n + 1 FROM version v CROSS JOIN record r ON r.amends = v.id
   WHERE r.form = 'finding.report' AND r.outcome = 1),
report AS MATERIALIZED (
  SELECT v.subject, v.day, r.subject AS about, substr(r.subject, 1, 12) AS place, r.class = 5 AS covert,
         r.body ->> '$.data.source' AS source, r.body ->> '$.data.cat' AS cat,
         r.body ->> '$.data.severity' AS severity, r.body ->> '$.data.text' AS text,
         r.body ->> '$.data.duty_unit' AS unit, max(r.hlc)
    FROM version v CROSS JOIN stored_record r ON r.id = v.id GROUP BY v.subject),
ev AS MATERIALIZED (
  SELECT p.subject, r.id, r.author, hlc_day(r.hlc) AS day,
         row_number() OVER (PARTITION BY p.subject ORDER BY r.hlc, r.id) AS n,
         CASE WHEN r.form = 'rectify.report' THEN iif(r.body ->> '$.data.result' = 'done', 'done', NULL)
              WHEN a.doc ->> '$.unit' = p.unit THEN NULL
              ELSE (r.body ->> '$.data.stage') || iif(r.body ->> '$.data.verdict' = 'pass', '+', '-')
         END AS what
    FROM report p CROSS JOIN stored_record r
      ON r.subject = p.subject AND r.form IN ('rectify.report', 'verify.lookback')
    LEFT JOIN entity a ON a.kind = 'cadre' AND a.id = r.author),
able AS MATERIALIZED (
  SELECT e.subject, e.n, e.day, e.id,
         iif(e.what <> 'done' AND EXISTS (SELECT 1 FROM ev x WHERE x.subject = e.subject
               AND x.what = 'done' AND x.author = e.author AND x.n < e.n), NULL, e.what) AS what
    FROM ev e),
fold(subject, n, state, what, day, id) AS (
  SELECT subject, 0, 'open', NULL, day, NULL FROM report
  UNION ALL
  SELECT f.subject, e.n,
    CASE WHEN e.what = 'done' AND f.state IN ('open', 'returned', 'reopened') THEN 'reported'
         WHEN e.what = 'check+' AND f.state = 'reported' THEN 'closed'
         WHEN e.what = 'check-' AND f.state = 'reported' THEN 'returned'
         WHEN e.what = 'lookback-' AND f.state = 'closed' THEN 'reopened'
         ELSE f.state END,
    CASE WHEN e.what = 'done' AND f.state IN ('open', 'returned', 'reopened') THEN 'rectified'
         WHEN e.what = 'check+' AND f.state = 'reported' THEN 'passed'
         WHEN e.what = 'check-' AND f.state = 'reported' THEN 'failed'
         WHEN e.what = 'lookback+' AND f.state = 'closed' THEN 'kept'
         WHEN e.what = 'lookback-' AND f.state = 'closed' THEN 'relapsed' END,
    e.day, e.id
    FROM fold f CROSS JOIN able e ON e.subject = f.subject AND e.n = f.n + 1),
loop AS MATERIALIZED (
  SELECT p.*, (SELECT f.state FROM fold f WHERE f.subject = p.subject ORDER BY f.n DESC LIMIT 1) AS state,
         (SELECT json_group_array(json_object('what', what, 'day', day, 'id', id_text(id)))
            FROM (SELECT f.what, f.day, f.id FROM fold f
                   WHERE f.subject = p.subject AND f.what IS NOT NULL ORDER BY f.n)) AS events,
         (SELECT count(*) FROM fold f WHERE f.subject = p.subject AND f.what = 'relapsed') AS relapsed,
         (SELECT count(*) FROM fold f WHERE f.subject = p.subject
             AND f.what IN ('kept', 'relapsed')) AS looked,
         date(day, CASE severity WHEN 'high' THEN '+7 days' WHEN 'mid' THEN '+15 days'
                                 ELSE '+30 days' END) AS due,
         coalesce((SELECT u.doc ->> '$.level' FROM entity u WHERE u.kind = 'unit' AND u.id = p.unit), '')
           AS unit_level
    FROM report p)
SELECT subject, 'finding.loop' AS name, NULL AS place, NULL AS num, NULL AS den,
       json_object('day', day, 'due', due, 'place', place, 'unit', unit, 'unit_level', unit_level,
         'severity', severity, 'covert', covert, 'told', source <> 'lead', 'state', state,
         'events', json(events)) AS doc, NULL AS class, NULL AS audience
  FROM loop
UNION ALL
SELECT subject, 'finding', place, NULL, NULL,
       json_object('subject', about, 'source', source, 'cat', cat, 'severity', severity, 'text', text,
         'duty_unit', unit, 'opened', day, 'due', due, 'state', state),
       iif(covert, 5, 1), iif(covert AND source <> 'lead', unit, '')
  FROM loop
UNION ALL SELECT subject, 'find.found', place, 1, 1, '{}', NULL, NULL FROM loop WHERE NOT covert
UNION ALL SELECT subject, 'find.closed', place, state = 'closed', 1, '{}', NULL, NULL
  FROM loop WHERE NOT covert
UNION ALL SELECT subject, 'find.rectified', place, state IN ('reported', 'closed'), 1, '{}', NULL, NULL
  FROM loop WHERE NOT covert
UNION ALL SELECT subject, 'find.reopened', place, relapsed, looked, '{}', NULL, NULL
  FROM loop WHERE NOT covert AND looked
