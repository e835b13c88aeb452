-- view: members
-- level: household
-- forms: hh.facts person.facts exit.step
-- names: population
-- keeps: members instants
-- `members`: everybody who belongs or belonged to the household, as [{"id", "birth", "since", "left",
-- "relocated", "care", "cared", "uninsured", "imported", "young"}]: since and left are stamps (hlc), left is
-- null while a person belongs to it; cared, uninsured: once was (their histories are worth reading);
-- young: under 17 or of unknown birth. Members at a
-- stamp t are those with coalesce(since, 0) <= t and coalesce(left, t + 1) > t. Read it through
-- unsealed(). `instants`: the stamps at which the checks are asked for besides now, as [{"key", "day",
-- "hlc"}]: each mark of an exit (key = record id), of a poor household the ends of the last two
-- quarters (q1 the newer). {village}-00-0000, which stands for buildings without an owner, is no
-- household.
WITH quarter(key, day) AS MATERIALIZED (
  SELECT 'q1', date(today(), 'start of month',
                    '-' || ((strftime('%m', today()) - 1) % 3) || ' months', '-1 day')
  UNION ALL
  SELECT 'q2', date(today(), 'start of month',
                    '-' || ((strftime('%m', today()) - 1) % 3 + 3) || ' months', '-1 day')),
home AS MATERIALIZED (
  SELECT c.subject, e.place, e.doc ->> '$.poverty_status' AS status
    FROM changed c CROSS JOIN entity e ON e.kind = 'household' AND e.id = c.subject
   WHERE e.gone = '' AND substr(c.subject, 14) <> '00-0000'),
-- bodies are taken apart only where they may say what is looked for
said AS MATERIALIZED (
  SELECT p.id, r.hlc, r.author = 'zoufang' AS imported,
         CASE WHEN mentions(r.body, 'leave') AND r.body ->> '$.data.op' = 'leave' THEN r.hlc END AS leave,
         mentions(unsealed(r.body), 'care') AND json_array_length(unsealed(r.body), '$.data.set.care') > 0 AS cared,
         mentions(r.body, 'false') AND r.body ->> '$.data.set.insured' = 0 AS uninsured
    FROM home h CROSS JOIN entity p
      ON p.kind = 'person' AND p.id > h.subject || '-' AND p.id < h.subject || '.'
    CROSS JOIN stored_record r ON r.subject = p.id AND r.form = 'person.facts'
   WHERE p.gone = ''),
told AS MATERIALIZED (
  SELECT id, min(hlc) AS since, max(imported) AS imported, max(leave) AS leave, max(cared) AS cared,
         max(uninsured) AS uninsured
    FROM said GROUP BY id),
person AS MATERIALIZED (
  SELECT h.subject, p.id, unsealed(p.doc) ->> '$.birth' AS birth, t.since,
         CASE WHEN coalesce(p.doc ->> '$.status', 'current') = 'left' THEN coalesce(t.leave, 0) END AS gone,
         p.doc ->> '$.relocated' AS relocated, json_array_length(p.doc, '$.care') > 0 AS care,
         t.cared, t.uninsured, t.imported
    FROM home h CROSS JOIN entity p
      ON p.kind = 'person' AND p.id > h.subject || '-' AND p.id < h.subject || '.'
    LEFT JOIN told t ON t.id = p.id
   WHERE p.gone = ''),
asked AS MATERIALIZED (
  SELECT h.subject, id_text(r.id) AS key, hlc_day(r.hlc) AS day, r.hlc
    FROM home h CROSS JOIN stored_record r ON r.subject = h.subject AND r.form = 'exit.step'
   WHERE r.body ->> '$.data.step' = 'mark'
  UNION ALL
  SELECT h.subject, q.key, q.day, (((unixepoch(q.day, '+1 day') - 28800) * 1000) << 16) - 1
    FROM home h CROSS JOIN quarter q WHERE h.status IN ('not_exited', 'planned_exit', 'returned'))
SELECT h.subject, 'population' AS name, h.place,
       (SELECT count(*) FROM person m WHERE m.subject = h.subject AND m.gone IS NULL) AS num,
       1 AS den, '{}' AS doc
  FROM home h
UNION ALL
SELECT subject, 'members', NULL, NULL, NULL,
       json_group_array(json_object('id', id, 'birth', birth, 'since', since,
                 'left', gone, 'relocated', iif(relocated, 1, 0), 'care', iif(care, 1, 0),
                 'cared', coalesce(cared, 0), 'uninsured', coalesce(uninsured, 0),
                 'imported', coalesce(imported, 0),
                 'young', iif(birth <= date(today(), '-17 years'), 0, 1)))
  FROM (SELECT * FROM person ORDER BY subject, id) GROUP BY subject
UNION ALL
SELECT a.subject, 'instants', NULL, NULL, NULL,
       (SELECT json_group_array(json_object('key', key, 'day', day, 'hlc', hlc))
          FROM (SELECT * FROM asked b WHERE b.subject = a.subject ORDER BY b.hlc, b.key))
  FROM asked a GROUP BY a.subject
