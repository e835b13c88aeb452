-- rule: T-W2
-- level: village
-- forms: indicator
-- title-zh: 饮水工程验收后:全覆盖评估
-- title-en: Water works accepted: evaluate every household
-- One for each water project accepted in the village, named after it. Ended on the first day by which
-- every household known then was evaluated since the acceptance.
WITH works AS MATERIALIZED (
  SELECT c.subject, l.subject AS project, l.doc ->> '$.accepted' AS day,
         unixepoch(l.doc ->> '$.accepted', '-8 hours') * 65536000 AS hlc
    FROM changed c CROSS JOIN ledger l ON l.place = c.subject AND l.view = 'project.water'),
home AS MATERIALIZED (
  SELECT w.project, max(w.day, coalesce((
           SELECT hlc_day(min(r.hlc)) FROM stored_record r
            WHERE r.subject = h.id AND r.form = 'hh.facts'), '')) AS known,
         (SELECT hlc_day(min(r.hlc)) FROM stored_record r
           WHERE r.subject = h.id AND r.form = 'inspect.water' AND r.hlc >= w.hlc) AS seen
    FROM works w CROSS JOIN entity h
      ON h.kind = 'household' AND h.id > w.subject || '-' AND h.id < w.subject || '.'
   WHERE h.gone = '' AND substr(h.id, 14) <> '00-0000'),
left_over AS MATERIALIZED (
  SELECT project, day, sum(sum(n)) OVER (PARTITION BY project ORDER BY day) AS n FROM (
    SELECT project, known AS day, 1 AS n FROM home
    UNION ALL SELECT project, max(known, seen), -1 FROM home WHERE seen IS NOT NULL)
   GROUP BY project, day)
SELECT subject AS root, subject, subject AS place, lower(replace(project, '-', '')) AS part, day AS opened,
       date(day, '+30 days') AS due, param('campaign.water.stop') AS stop,
       (SELECT min(o.day) FROM left_over o WHERE o.project = w.project AND o.n = 0) AS closed,
       'VO' AS assignee_role, 'SI' AS verifier_role
  FROM works w
