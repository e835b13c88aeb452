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
-- "hlc"}]: each mark of an exit (key = record id), of a poor household the ends of the last five
-- quarters (q1 the newest). {village}-00-0000, which stands for buildings without an owner, is no
-- household.
WITH quarter(key, day) AS MATERIALIZED (
  SELECT 'q' || n, date(today(), 'start of month',
                        '-' || ((strftime('%m', today()) - 1) % 3 + 3 * (n - 1)) || ' months', '-1 day')
    FROM (SELECT column1 AS n FROM (VALUES (1), (2), (3), (4), (5)))),
home AS MATERIALIZED (
  SELECT c.subject, e.place, e.doc ->> '$.poverty_status' AS status, d.grown
    FROM (SELECT date(today(), '-17 years') AS grown) d CROSS JOIN changed c
    CROSS JOIN entity e ON e.kind = 'household' AND e.id = c.subject
   WHERE e.gone = '' AND substr(c.subject, 14) <> '00-0000'),
-- in the order of their ids, as the entities stand; bodies and documents are taken apart only where they
-- may say what is looked for
family AS MATERIALIZED (
  SELECT h.subject, h.place, (
      SELECT count(*) FROM entity p
       WHERE p.kind = 'person' AND p.id > h.subject || '-' AND p.id < h.subject || '.' AND p.gone = ''
         AND NOT (mentions(p.doc, 'left') AND p.doc ->> '$.status' IS 'left')) AS persons, (
      SELECT '[' || group_concat(person, ',') || ']' FROM (
        SELECT json_object('id', p.id, 'birth', unsealed(p.doc) ->> '$.birth', 'since', min(r.hlc),
                 'left', CASE WHEN mentions(p.doc, 'left') AND p.doc ->> '$.status' = 'left' THEN coalesce(max(
                   CASE WHEN mentions(r.body, 'leave') AND r.body ->> '$.data.op' = 'leave' THEN r.hlc END), 0) END,
                 'relocated', mentions(p.doc, 'relocated') AND coalesce(p.doc ->> '$.relocated', 0),
                 'care', mentions(p.doc, 'care') AND coalesce(json_array_length(p.doc, '$.care') > 0, 0),
                 'cared', coalesce(max(mentions(unsealed(r.body), 'care')
                   AND json_array_length(unsealed(r.body), '$.data.set.care') > 0), 0),
                 'uninsured', coalesce(max(mentions(r.body, 'false') AND r.body ->> '$.data.set.insured' = 0), 0),
                 'imported', coalesce(max(r.author = 'zoufang'), 0),
                 'young', iif(unsealed(p.doc) ->> '$.birth' <= h.grown, 0, 1)) AS person
          FROM entity p LEFT JOIN stored_record r ON r.subject = p.id AND r.form = 'person.facts'
         WHERE p.kind = 'person' AND p.id > h.subject || '-' AND p.id < h.subject || '.' AND p.gone = ''
         GROUP BY p.id)) AS doc
    FROM home h),
asked AS MATERIALIZED (
  SELECT h.subject, id_text(r.id) AS key, hlc_day(r.hlc) AS day, r.hlc
    FROM home h CROSS JOIN stored_record r ON r.subject = h.subject AND r.form = 'exit.step'
   WHERE r.body ->> '$.data.step' = 'mark'
  UNION ALL
  SELECT h.subject, q.key, q.day, (((unixepoch(q.day, '+1 day') - 28800) * 1000) << 16) - 1
    FROM home h CROSS JOIN quarter q WHERE h.status IN ('not_exited', 'planned_exit', 'returned'))
SELECT subject, 'population' AS name, place, persons AS num, 1 AS den, '{}' AS doc FROM family
UNION ALL
SELECT subject, 'members', NULL, NULL, NULL, doc FROM family WHERE doc IS NOT NULL
UNION ALL
SELECT a.subject, 'instants', NULL, NULL, NULL,
       (SELECT json_group_array(json_object('key', key, 'day', day, 'hlc', hlc))
          FROM (SELECT * FROM asked b WHERE b.subject = a.subject ORDER BY b.hlc, b.key))
  FROM asked a GROUP BY a.subject
