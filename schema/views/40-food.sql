-- view: food
-- level: household
-- forms: visit.household measure.plan
-- reads: instants
-- names: check.food check.clothing
-- keeps: at.food at.clothing hardship gap.food
-- Food and clothing by the newest visit in person, by the day and time at which the visits began.
-- `hardship`: [{"cycle", "opened", "closed", "cause"}], from a visit that finds too little or a sudden
-- event until a later visit in person finds all well and a later visit or plan brought a measure.
-- `gap.food`: [{"from", "to"}], from a visit in person that finds too little until one finds enough.
WITH RECURSIVE
visit AS MATERIALIZED (
  SELECT c.subject, r.hlc, r.id, r.body ->> '$.data.start' AS start, r.body ->> '$.data.food_ok' AS food,
         r.body ->> '$.data.clothing_ok' AS clothing,
         coalesce(r.body ->> '$.data.sudden_event', 0) AS sudden,
         coalesce(json_array_length(r.body, '$.data.measures'), 0) > 0 AS measure,
         r.body ->> '$.data.mode' = 'in_person' AND r.body ->> '$.data.met' <> 'none' AS met
    FROM changed c CROSS JOIN stored_record r ON r.subject = c.subject AND r.form = 'visit.household'),
seen AS MATERIALIZED (
  SELECT *, julianday(upper(start)) AS at, date(upper(start), '+8 hours') AS day
    FROM visit WHERE met AND food IS NOT NULL),
-- ------------------------------------------------------------ now ('') and at the instants
instant AS MATERIALIZED (
  SELECT subject, '' AS key, today() AS day, 9223372036854775807 AS hlc FROM seen GROUP BY subject
  UNION ALL
  SELECT s.subject, i.value ->> '$.key', i.value ->> '$.day', i.value ->> '$.hlc'
    FROM (SELECT subject FROM seen GROUP BY subject) s
    CROSS JOIN ledger l ON l.subject = s.subject AND l.view = 'instants'
    CROSS JOIN json_each(l.doc) i),
state AS MATERIALIZED (
  SELECT *, day < date(asked, '-' || param('check.food_clothing_days') || ' days') AS old
    FROM (
      SELECT s.*, i.key, i.day AS asked, row_number() OVER (PARTITION BY s.subject, i.key
               ORDER BY s.at DESC, s.hlc DESC, s.id DESC) AS k
        FROM instant i CROSS JOIN seen s ON s.subject = i.subject AND s.hlc <= i.hlc)
   WHERE k = 1),
told AS MATERIALIZED (
  SELECT subject, key, day, 'food' AS what, food AS fine, old FROM state
  UNION ALL
  SELECT subject, key, day, 'clothing', clothing, old FROM state),
-- ------------------------------------------------------------ hardship
stricken AS MATERIALIZED (
  SELECT subject FROM visit WHERE sudden OR food = 0 OR clothing = 0 GROUP BY subject),
step AS MATERIALIZED (
  SELECT *, row_number() OVER (PARTITION BY subject ORDER BY hlc, id) AS n FROM (
    SELECT v.subject, v.hlc, v.id, (v.sudden OR v.food = 0 OR v.clothing = 0) IS 1 AS bad,
           coalesce(v.met AND v.food AND v.clothing AND NOT v.sudden, 0) AS well, v.measure
      FROM stricken t CROSS JOIN visit v ON v.subject = t.subject
    UNION ALL
    SELECT t.subject, r.hlc, r.id, 0, 0, 1
      FROM stricken t CROSS JOIN stored_record r ON r.subject = t.subject AND r.form = 'measure.plan')),
-- on: an episode runs; well, helped: what has come since its (last) trigger
fold(subject, n, cycle, runs, well, helped, opened, cause, closed) AS (
  SELECT subject, 0, 0, 0, 0, 0, NULL, NULL, NULL FROM stricken
  UNION ALL
  SELECT f.subject, s.n, f.cycle + (s.bad AND NOT f.runs),
         iif(s.bad, 1, f.runs AND NOT ((f.well OR s.well) AND (f.helped OR s.measure))),
         iif(s.bad, 0, f.runs AND (f.well OR s.well)),
         iif(s.bad AND NOT f.runs, 0, f.runs AND (f.helped OR s.measure)),
         iif(s.bad AND NOT f.runs, s.hlc, f.opened), iif(s.bad AND NOT f.runs, s.id, f.cause),
         CASE WHEN s.bad THEN NULL
              WHEN f.runs AND (f.well OR s.well) AND (f.helped OR s.measure) THEN s.hlc
              ELSE f.closed END
    FROM fold f CROSS JOIN step s ON s.subject = f.subject AND s.n = f.n + 1),
hardship AS MATERIALIZED (SELECT *, max(n) FROM fold WHERE cycle > 0 GROUP BY subject, cycle),
gap AS MATERIALIZED (
  SELECT subject, day, until FROM (
      SELECT *, lag(bad, 1, 0) OVER w AS before,
             min(iif(bad, NULL, day)) OVER (w ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS until
        FROM (SELECT s.*, NOT (s.food AND s.clothing) AS bad
                FROM stricken t CROSS JOIN seen s ON s.subject = t.subject)
      WINDOW w AS (PARTITION BY subject ORDER BY at, hlc, id))
   WHERE bad AND NOT before)
SELECT subject, 'check.' || what AS name, NULL AS place, NULL AS num, NULL AS den,
       json_object('state', CASE WHEN old IS NULL THEN 'unknown' WHEN old THEN 'stale' WHEN fine THEN 'ok'
                                 ELSE 'gap' END, 'day', day)
         AS doc
  FROM told WHERE key = ''
UNION ALL
SELECT subject, 'at.' || what, NULL, NULL, NULL,
       json_group_object(key, CASE WHEN old IS NULL THEN 'unknown' WHEN old THEN 'stale' WHEN fine THEN 'ok' ELSE 'gap' END)
  FROM (SELECT * FROM told WHERE key <> '' ORDER BY subject, what, key) GROUP BY subject, what
UNION ALL
SELECT t.subject, 'hardship', NULL, NULL, NULL, (
    SELECT json_group_array(json_object('cycle', cycle, 'opened', hlc_day(opened),
                                        'closed', hlc_day(closed), 'cause', id_text(cause)))
      FROM (SELECT * FROM hardship o WHERE o.subject = t.subject ORDER BY o.cycle))
  FROM stricken t
UNION ALL
SELECT t.subject, 'gap.food', NULL, NULL, NULL, (
    SELECT json_group_array(json_object('from', day, 'to', until))
      FROM (SELECT * FROM gap o WHERE o.subject = t.subject ORDER BY o.day))
  FROM stricken t
