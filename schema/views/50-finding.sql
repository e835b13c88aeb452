-- view: finding
-- level: finding
-- forms: register.division village.survey finding.report house.work lookback.relocation inspect.env_village project.step rectify.report verify.lookback register.cadre register.unit
-- opened-by: finding.report house.work lookback.relocation inspect.env_village project.step
-- names: finding find.found find.rectified find.reopened find.tour find.sev.high find.sev.mid find.sev.low
-- keeps: finding.loop find.high_open find.patrol
-- Found, rectified, checked, closed, looked back at, reopened: the events that had effect, in the
-- order of their stamps, and those that had none, with the reason. A finding is a finding.report, a
-- house accepted with debts (house.work), a resettled household that got too much room, paid too
-- much, owes money or is not housed well (lookback.relocation), fewer pond chiefs than ponds
-- (inspect.env_village, of a report that has effect), or a project begun before its announcement ended (project.step, as
-- 70-project.sql found it; so is the place). What is counted is open or closed of found; covert
-- work is counted nowhere but in kept rows. finding.loop stands at the county.
-- The check is the township's (TW; the county and its inspectors, CO and SI, may do it too), the county's (CO)
-- if it is covert or a township has to rectify; the look-back is the covert team's (CT). Nobody
-- verifies who rectified the finding before, or belonged to the unit that has to; a check needs a
-- rectification, a look-back a closed finding. A rectification is not done before the finding; more
-- time (which the county released, see the form) is given twice and never past the stop. The finding
-- keeps the id and day of its first report; what it says is its newest amendment.
WITH RECURSIVE
version(subject, form, id, day, about, author) AS (
  SELECT c.subject, r.form, r.id, hlc_day(r.hlc), r.subject, r.author FROM changed c
    CROSS JOIN record r ON r.id = id_blob(c.subject)
   WHERE r.form IN ('finding.report', 'house.work', 'lookback.relocation', 'inspect.env_village',
                    'project.step') AND r.outcome = 1 AND r.amends IS NULL
  UNION
  SELECT v.subject, v.form, r.id, v.day, v.about, v.author
    FROM version v CROSS JOIN record r ON r.amends = v.id
   WHERE r.form = v.form AND r.subject = v.about AND r.author = v.author AND r.effect <> -2
     AND r.outcome = 1),
newest AS MATERIALIZED (
  SELECT v.subject, v.form, v.day, r.subject AS about, substr(r.subject, 1, 12) AS place, r.id,
         r.class = 5 AS covert, r.body -> '$.data' AS data, max(r.hlc)
    FROM version v CROSS JOIN stored_record r ON r.id = v.id GROUP BY v.subject),
-- what records of other forms show, and whose it is to mend: the village's (VO) or township's (TW)
shown AS MATERIALIZED (
  SELECT subject, day, about, place, 'funds' AS cat, 'VO' AS duty,
         printf('负债建设:%d号房', data ->> '$.bld') AS text
    FROM newest WHERE form = 'house.work' AND data ->> '$.debt_yuan' > 0
  UNION ALL
  SELECT * FROM (
    SELECT subject, day, about, place, 'housing', 'VO', '易地搬迁:' || substr(
             iif(data ->> '$.area_m2' > (data ->> '$.persons') * param('relocation.area_max'),
                 '、人均面积超标', '')
             || iif(data ->> '$.self_paid_yuan' > param('relocation.self_paid_max') + 0,
                    '、自筹超标', '')
             || iif(data ->> '$.debt_yuan' > 0, '、负债', '')
             || iif(data ->> '$.quality_ok', '', '、质量问题')
             || iif(data ->> '$.moved_in', '', '、未入住'), 2) AS text
      FROM newest WHERE form = 'lookback.relocation') WHERE text <> '易地搬迁:'
  UNION ALL
  SELECT n.subject, n.day, n.about, n.place, 'env', 'VO', printf('塘长缺%d名(%s)',
           (dv.doc ->> '$.ponds_total') - coalesce(data ->> '$.chiefs.pond', 0), data ->> '$.month')
    FROM newest n CROSS JOIN entity dv ON dv.kind = 'division' AND dv.id = n.about
   WHERE n.form = 'inspect.env_village' AND coalesce(data ->> '$.chiefs.pond', 0) < dv.doc ->> '$.ponds_total'
     AND coalesce(data ->> '$.sanitary_hh' <= dv.doc ->> '$.households', 1)
  UNION ALL
  SELECT n.subject, n.day, n.about, pl.doc ->> '$.div', 'funds', 'TW', '公告期满前开工'
    FROM newest n CROSS JOIN ledger pl ON pl.subject = n.about AND pl.view = 'project.loop'
   WHERE n.form = 'project.step' AND n.data ->> '$.step' = 'started' AND EXISTS (
     SELECT 1 FROM json_each(pl.doc, '$.early') x WHERE x.value = id_text(n.id))),
report AS MATERIALIZED (
  SELECT subject, day, about, place, covert, data ->> '$.source' AS source, data ->> '$.cat' AS cat,
         data ->> '$.severity' AS severity, data ->> '$.text' AS text, data ->> '$.duty_unit' AS unit
    FROM newest WHERE form = 'finding.report'
  UNION ALL
  SELECT subject, day, about, place, 0, 'inspect', cat, 'mid', text,
         coalesce((SELECT a.doc ->> '$.unit' FROM entity a
           WHERE a.place = iif(n.duty = 'TW', substr(n.place, 1, 9) || '000', n.place)
             AND +a.kind = 'cadre' AND a.gone = '' AND a.doc ->> '$.active'
             AND a.doc ->> '$.role' = n.duty ORDER BY a.id LIMIT 1), '')
    FROM shown n),
unit AS MATERIALIZED (
  SELECT p.*, coalesce((SELECT u.doc ->> '$.level' FROM entity u
                         WHERE u.kind = 'unit' AND u.id = p.unit), '') AS unit_level
    FROM report p),
duty AS MATERIALIZED (
  SELECT *, iif(covert OR unit_level = 'township', 'CO', 'TW') AS checker,
         date(day, CASE severity WHEN 'high' THEN '+7 days' WHEN 'mid' THEN '+15 days'
                                 ELSE '+30 days' END) AS due,
         coalesce(param('campaign.' || iif(cat = 'env', 'environment', cat) || '.stop'),
                  param('stop.exit')) AS stop
    FROM unit),
said AS MATERIALIZED (
  SELECT p.subject, p.day AS found, p.stop, p.unit, p.checker, r.id, r.form, r.hlc, r.author, r.body,
         cadre_at(r.author, 'role', r.hlc) AS role, cadre_at(r.author, 'unit', r.hlc) AS own_unit
    FROM duty p CROSS JOIN stored_record r
      ON r.subject = p.subject AND r.form IN ('rectify.report', 'verify.lookback')),
ev AS MATERIALIZED (
  SELECT subject, id, author, role, hlc_day(hlc) AS day, form = 'verify.lookback' AS verifies,
         body ->> '$.data.extend_to' AS until,
         row_number() OVER (PARTITION BY subject ORDER BY hlc, id) AS n,
         CASE form WHEN 'rectify.report' THEN body ->> '$.data.result'
              ELSE (body ->> '$.data.stage') || iif(body ->> '$.data.verdict' = 'pass', '+', '-')
         END AS what,
         CASE WHEN form = 'rectify.report' THEN
                CASE WHEN body ->> '$.data.done' < found THEN 'early'
                     WHEN body ->> '$.data.extend_to' > stop THEN 'stop' END
              WHEN own_unit = unit THEN 'own'
              WHEN coalesce(instr(CASE WHEN body ->> '$.data.stage' = 'lookback' THEN 'CT'
                                       WHEN checker = 'TW' THEN 'TW SI CO' ELSE checker END, role), 0) = 0
              THEN 'role'
         END AS wrong
    FROM said),
able AS MATERIALIZED (
  SELECT e.subject, e.n, e.day, e.id, e.author, e.role, e.what, e.until,
         CASE WHEN e.wrong IS NOT NULL THEN e.wrong
              WHEN e.verifies AND EXISTS (SELECT 1 FROM ev x WHERE x.subject = e.subject
                AND x.what = 'done' AND x.author = e.author AND x.n < e.n) THEN 'own'
              WHEN e.what = 'extend' AND (SELECT count(*) FROM ev x WHERE x.subject = e.subject
                AND x.what = 'extend' AND x.wrong IS NULL AND x.n <= e.n)
                > param('rectify.extensions_max') + 0 THEN 'many' END AS wrong
    FROM ev e),
fold(subject, n, state, what, wrong) AS (
  SELECT subject, 0, 'open', NULL, NULL FROM report
  UNION ALL
  SELECT f.subject, e.n,
    CASE WHEN e.wrong IS NOT NULL THEN f.state
         WHEN e.what = 'done' AND f.state IN ('open', 'returned', 'reopened') THEN 'reported'
         WHEN e.what = 'check+' AND f.state = 'reported' THEN 'closed'
         WHEN e.what = 'check-' AND f.state = 'reported' THEN 'returned'
         WHEN e.what = 'lookback-' AND f.state = 'closed' THEN 'reopened'
         ELSE f.state END,
    CASE WHEN e.wrong IS NOT NULL THEN NULL
         WHEN e.what = 'done' AND f.state IN ('open', 'returned', 'reopened') THEN 'rectified'
         WHEN e.what = 'extend' AND f.state <> 'closed' THEN 'extended'
         WHEN e.what = 'check+' AND f.state = 'reported' THEN 'passed'
         WHEN e.what = 'check-' AND f.state = 'reported' THEN 'failed'
         WHEN e.what = 'lookback+' AND f.state = 'closed' THEN 'kept'
         WHEN e.what = 'lookback-' AND f.state = 'closed' THEN 'relapsed' END,
    CASE WHEN e.wrong IS NOT NULL THEN e.wrong
         WHEN e.what GLOB 'check*' AND f.state <> 'reported' THEN 'order'
         WHEN e.what GLOB 'lookback*' AND f.state <> 'closed' THEN 'order'
         WHEN e.what IN ('done', 'extend') AND f.state = 'closed' THEN 'order' END
    FROM fold f CROSS JOIN able e ON e.subject = f.subject AND e.n = f.n + 1),
event AS MATERIALIZED (
  SELECT f.subject, f.n, f.what, f.wrong, e.day, e.id, e.until, e.author, e.role, e.what AS said
    FROM fold f CROSS JOIN able e ON e.subject = f.subject AND e.n = f.n),
loop AS MATERIALIZED (
  SELECT p.*, (SELECT f.state FROM fold f WHERE f.subject = p.subject ORDER BY f.n DESC LIMIT 1) AS state,
         (SELECT json_group_array(json_object('n', n, 'what', what, 'day', day, 'id', id_text(id),
                                              'until', until))
            FROM (SELECT * FROM event e WHERE e.subject = p.subject AND e.what IS NOT NULL
                   ORDER BY e.n)) AS events,
         (SELECT json_group_array(json_object('n', n, 'why', wrong, 'day', day, 'id', id_text(id),
                                              'said', said, 'by', author, 'role', role))
            FROM (SELECT * FROM event e WHERE e.subject = p.subject AND e.wrong IS NOT NULL
                   ORDER BY e.n)) AS idle,
         (SELECT count(*) FROM event e WHERE e.subject = p.subject AND e.what = 'relapsed') AS relapsed,
         (SELECT count(*) FROM event e WHERE e.subject = p.subject
             AND e.what IN ('kept', 'relapsed')) AS looked,
         (SELECT e.n FROM event e WHERE e.subject = p.subject AND e.what IN ('failed', 'relapsed')
           ORDER BY e.n DESC LIMIT 1) AS again
    FROM duty p),
dated AS MATERIALIZED (
  SELECT l.*, max(coalesce((SELECT date(e.day, '+7 days') FROM event e
                             WHERE e.subject = l.subject AND e.n = l.again), l.due),
                  coalesce((SELECT max(e.until) FROM event e WHERE e.subject = l.subject
                             AND e.what = 'extended' AND e.n > coalesce(l.again, 0)), '')) AS due_now
    FROM loop l)
SELECT subject, name, iif(name = 'finding.loop', substr(place, 1, 6) || '000000', place) AS place,
       CASE WHEN name GLOB 'finding*' THEN NULL WHEN name = 'find.found' THEN 1
            WHEN name IN ('find.rectified', 'find.tour') THEN state = 'closed'
            WHEN name = 'find.reopened' THEN relapsed ELSE state <> 'closed' END AS num,
       CASE WHEN name GLOB 'finding*' THEN NULL WHEN name = 'find.reopened' THEN looked ELSE 1 END AS den,
       CASE name
         WHEN 'finding.loop' THEN
           json_object('day', day, 'due', due, 'stop', stop, 'place', place, 'unit', unit,
             'unit_level', unit_level, 'checker', checker, 'source', source, 'cat', cat,
             'severity', severity, 'covert', covert, 'told', source <> 'lead', 'state', state,
             'events', json(events), 'idle', json(idle))
         WHEN 'finding' THEN
           json_object('subject', about, 'source', source, 'cat', cat, 'severity', severity,
             'text', text, 'duty_unit', unit, 'opened', day, 'due', due_now, 'state', state)
         ELSE '{}' END AS doc,
       iif(name = 'finding', iif(covert, 5, 1), NULL) AS class,
       iif(name = 'finding', iif(covert AND source <> 'lead', unit, ''), NULL) AS audience
  FROM (SELECT d.*, k.name || iif(k.name = 'find.sev.', severity, '') AS name
          FROM dated d CROSS JOIN (
            SELECT 'finding' AS name UNION ALL SELECT 'finding.loop' UNION ALL SELECT 'find.high_open'
            UNION ALL SELECT 'find.found' UNION ALL SELECT 'find.rectified' UNION ALL SELECT 'find.tour'
            UNION ALL SELECT 'find.reopened' UNION ALL SELECT 'find.sev.'
            UNION ALL SELECT 'find.patrol') k
         WHERE CASE k.name WHEN 'finding' THEN 1 WHEN 'finding.loop' THEN 1
                           WHEN 'find.high_open' THEN severity = 'high'
                           WHEN 'find.patrol' THEN source = 'patrol'
                           WHEN 'find.tour' THEN NOT covert AND source = 'tour'
                           WHEN 'find.reopened' THEN NOT covert AND looked ELSE NOT covert END)
