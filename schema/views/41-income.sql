-- view: income
-- level: household
-- forms: hh.facts person.facts exit.step check.income
-- reads: instants
-- names: check.income
-- keeps: at.income income gap.income
-- Income a head, of signed checks only: the newest of a year counts for that year. `income`: {"yuan",
-- "year", "day"} of the newest check, "years": [{"year", "yuan", "day", "cause"}], "checks":
-- [{"hlc", "day", "low"}] (low: below the line of those who are watched; null: unknown), without those
-- of a year before that of an earlier one, or still to come (`fresh`): they say nothing of now. "asked":
-- [{"cycle", "opened", "closed", "cause", "why"}]: where a check is below the line, or half as much
-- again or half as little as last year (which the check before it of that year was not), until it is
-- signed anew. `gap.income`: [{"from", "to"}], the days between which it was below the line.
WITH line(yuan, near) AS MATERIALIZED (
  SELECT param('income_line_yuan') + 0.0,
         param('watch.income_factor') * param('income_line_yuan')),
signed AS MATERIALIZED (
  SELECT c.subject, r.hlc, r.id, hlc_day(r.hlc) AS day, r.body ->> '$.data.year' AS year,
         1.0 * ((r.body ->> '$.data.wage') + (r.body ->> '$.data.business')
           + (r.body ->> '$.data.property') + (r.body ->> '$.data.transfer')
           - (r.body ->> '$.data.business_cost')) / (r.body ->> '$.data.persons') AS yuan
    FROM changed c CROSS JOIN stored_record r ON r.subject = c.subject AND r.form = 'check.income'
   WHERE r.body ->> '$.data.signed'),
yearly AS MATERIALIZED (
  SELECT subject, year, yuan, day, id FROM (
    SELECT *, row_number() OVER (PARTITION BY subject, year ORDER BY hlc DESC, id DESC) AS k FROM signed)
   WHERE k = 1),
step AS MATERIALIZED (
  SELECT s.*, row_number() OVER (PARTITION BY s.subject ORDER BY s.hlc, s.id) AS n,
         coalesce(s.yuan < (SELECT yuan FROM line), 0) AS below,
         coalesce(abs(s.yuan - y.yuan) > 0.5 * abs(y.yuan), 0) AS jump
    FROM signed s LEFT JOIN yearly y ON y.subject = s.subject AND y.year = s.year - 1),
-- what asks for a second look, and the next check of that year, which is one
odd AS MATERIALIZED (
  SELECT *, lag(below OR jump, 1, 0) OVER w AS before, lead(day) OVER w AS again
    FROM step WINDOW w AS (PARTITION BY subject, year ORDER BY n)),
asked AS MATERIALIZED (
  SELECT *, row_number() OVER (PARTITION BY subject ORDER BY n) AS cycle
    FROM odd WHERE (below OR jump) AND NOT before),
fresh AS MATERIALIZED (
  SELECT * FROM (
    SELECT *, max(year) OVER (PARTITION BY subject ORDER BY n ROWS UNBOUNDED PRECEDING) AS newest
      FROM step WHERE year <= CAST(substr(day, 1, 4) AS INTEGER))
   WHERE year = newest),
-- where these go below the line and above it
turn AS MATERIALIZED (
  SELECT subject, n, day, below, lead(day) OVER (PARTITION BY subject ORDER BY n) AS until FROM (
    SELECT *, lag(below, 1, 0) OVER (PARTITION BY subject ORDER BY n) AS was FROM fresh)
   WHERE below <> was),
instant AS MATERIALIZED (
  SELECT subject, '' AS key, today() AS day, 9223372036854775807 AS hlc FROM yearly GROUP BY subject
  UNION ALL
  SELECT s.subject, i.value ->> '$.key', i.value ->> '$.day', i.value ->> '$.hlc'
    FROM (SELECT subject FROM yearly GROUP BY subject) s
    CROSS JOIN ledger l ON l.subject = s.subject AND l.view = 'instants'
    CROSS JOIN json_each(l.doc) i),
state AS MATERIALIZED (
  SELECT subject, key, yuan, year, day, CASE
      WHEN (SELECT yuan FROM line) IS NULL THEN 'unknown'
      WHEN year < asked_year THEN 'stale'
      WHEN below THEN 'gap' ELSE 'ok' END AS state
    FROM (
      SELECT s.*, i.key, CAST(substr(i.day, 1, 4) AS INTEGER) AS asked_year,
             row_number() OVER (PARTITION BY s.subject, i.key
               ORDER BY s.year DESC, s.hlc DESC, s.id DESC) AS k
        FROM instant i CROSS JOIN step s ON s.subject = i.subject AND s.hlc <= i.hlc
         AND s.year <= CAST(substr(i.day, 1, 4) AS INTEGER))
   WHERE k = 1)
SELECT subject, 'check.income' AS name, NULL AS place, NULL AS num, NULL AS den,
       json_object('state', state, 'yuan', round(yuan, 2), 'year', year, 'day', day) AS doc
  FROM state WHERE key = ''
UNION ALL
SELECT subject, 'at.income', NULL, NULL, NULL, json_group_object(key, state)
  FROM (SELECT * FROM state WHERE key <> '' ORDER BY subject, key) GROUP BY subject
UNION ALL
SELECT y.subject, 'income', NULL, NULL, NULL, json_object('yuan', round(y.yuan, 2), 'year', y.year,
    'day', y.day, 'years', (
    SELECT json_group_array(json_object('year', year, 'yuan', round(yuan, 2), 'day', day,
                                        'cause', id_text(id)))
      FROM (SELECT * FROM yearly o WHERE o.subject = y.subject ORDER BY o.year)),
    'checks', (
    SELECT json_group_array(json_object('hlc', hlc, 'day', day,
                                        'low', yuan < (SELECT near FROM line)))
      FROM (SELECT * FROM fresh o WHERE o.subject = y.subject ORDER BY o.n)),
    'asked', (
    SELECT json_group_array(json_object('cycle', cycle, 'opened', day, 'closed', again,
                                        'cause', id_text(id), 'why', iif(below, 'line', 'jump')))
      FROM (SELECT * FROM asked o WHERE o.subject = y.subject ORDER BY o.n)))
  FROM (SELECT *, max(year) FROM yearly GROUP BY subject) y
UNION ALL
SELECT t.subject, 'gap.income', NULL, NULL, NULL, (
    SELECT json_group_array(json_object('from', day, 'to', until))
      FROM (SELECT * FROM turn o WHERE o.subject = t.subject AND o.below ORDER BY o.n))
  FROM turn t GROUP BY t.subject
