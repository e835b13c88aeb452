-- view: dq-base
-- level: household
-- forms: hh.facts
-- reads: members status
-- keeps: dq.registered dq.watered
-- What a village's inventory is compared with. dq.watered: the people with whom a household was first
-- recorded (births, marriages, deaths and moves since are natural change) whose water is to be made safe.
-- den: the number of the day on which it last became so; of dq.registered, on which the household last
-- became poor or ceased to be.
WITH home AS MATERIALIZED (
  SELECT c.subject, e.place, e.doc ->> '$.water_target' AS target, s.doc ->> '$.turns' AS turns,
         (
           SELECT hlc_day(r.hlc) FROM stored_record r
            WHERE r.subject = c.subject AND r.form = 'hh.facts' ORDER BY r.hlc LIMIT 1) AS day,
         EXISTS (SELECT 1 FROM record r WHERE r.subject = c.subject AND r.form = 'hh.facts' LIMIT 1 OFFSET 1) AS edited
    FROM changed c CROSS JOIN entity e ON e.kind = 'household' AND e.id = c.subject
    CROSS JOIN ledger s ON s.subject = c.subject AND s.view = 'status'
   WHERE e.gone = '' AND (e.doc ->> '$.water_target' OR s.doc ->> '$.turns' IS NOT NULL)),
counted AS MATERIALIZED (
  SELECT h.*, (SELECT count(*) FROM ledger l, json_each(unsealed(l.doc)) m
                WHERE l.subject = h.subject AND l.view = 'members' AND hlc_day(m.value ->> '$.since') <= h.day) AS persons
    FROM home h WHERE day IS NOT NULL)
SELECT subject, 'dq.registered' AS name, place, NULL AS num, julianday(coalesce((
         SELECT max(day) FROM (
           SELECT x.value ->> '$.day' AS day,
                  x.value ->> '$.status' IN ('not_exited', 'planned_exit', 'returned', 'exited') AS now,
                  lag(x.value ->> '$.status' IN ('not_exited', 'planned_exit', 'returned', 'exited'), 1, 0)
                    OVER (ORDER BY x.key) AS before
             FROM json_each(k.turns) x) WHERE now <> before), day)) AS den, '{}' AS doc
  FROM counted k WHERE turns IS NOT NULL
UNION ALL
SELECT subject, 'dq.watered', place, persons, julianday(coalesce(iif(edited, (
         SELECT hlc_day(max(r.hlc)) FROM stored_record r
          WHERE r.subject = k.subject AND r.form = 'hh.facts' AND r.body ->> '$.data.set.water_target'), NULL), day)), '{}'
  FROM counted k WHERE target
