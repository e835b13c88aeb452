-- view: place
-- level: place
-- names: task.open task.overdue task.on_time house.unattainable house.demolish_unattainable house.groups water.left v.incidence v.infra v.exit_ready target.exit_persons target.relocated_persons target.villages target.water_villages target.water_persons natural.exit_persons natural.relocated_persons natural.water_persons
-- keeps: groups.open people.unknown water.unjudged
-- What a village counts by itself, from its own facts and what was found of its households. Covert
-- work, leads and patrols (class 5) are never counted. A target counts the persons of a frozen list
-- whose household has reached it; who has left since stands apart (natural.*) and shrinks nothing.
-- What one village has too much of makes up for nothing in another: no count is above its whole, and
-- kept rows say where something is open or unknown: `groups.open` (not all groups inspected, or nobody
-- knows how many there are), `people.unknown`, `water.unjudged` (evaluations that a parameter without
-- value leaves unknown).
WITH tasks AS MATERIALIZED (
  SELECT c.subject,
         sum(t.closed = '') AS running, sum(t.closed = '' AND t.due < today() AND t.due <> '') AS overdue,
         sum(t.state = 'closed' AND t.due <> '') AS ended, sum(t.state = 'closed' AND t.closed <= t.due) AS on_time,
         sum(t.closed = '' AND t.unattainable AND t.rule IN ('T-H2', 'T-H3')) AS unattainable,
         sum(t.closed = '' AND t.unattainable AND t.rule = 'T-H4') AS standing
    FROM changed c CROSS JOIN task t
   WHERE t.place = c.subject AND t.gone = '' AND t.class < 5 GROUP BY c.subject),
village AS MATERIALIZED (
  SELECT c.subject, e.doc, e.doc ->> '$.groups' AS groups, e.doc ->> '$.water_baseline' AS baseline
    FROM changed c CROSS JOIN entity e ON e.kind = 'division' AND e.id = c.subject
   WHERE e.gone = '' AND substr(c.subject, 10) <> '000'),
counted AS MATERIALIZED (
  SELECT v.subject, v.doc,
         (SELECT coalesce(sum(p.den - p.num), 0) FROM ledger p
           WHERE p.place = v.subject AND p.view = 'poverty') AS unexited,
         (SELECT sum(w.num) FROM ledger w WHERE w.place = v.subject AND w.view = 'water.safe') AS safe,
         (SELECT count(*) FROM ledger w
           WHERE w.place = v.subject AND w.view = 'water.safe' AND w.num IS NULL) AS unjudged,
         (SELECT count(*) FROM ledger w WHERE w.place = v.subject AND w.view = 'water.assessed') AS homes
    FROM village v),
-- ---- the checks of a village
part AS MATERIALIZED (
  SELECT subject, unexited, unjudged, doc ->> '$.rural_pop' AS people,
         100.0 * unexited / (doc ->> '$.rural_pop') < param('v.incidence_pct_max') + 0 AS incidence,
         json_array_length(doc, '$.industry') > 0
         AND doc ->> '$.collective_income_yuan' >= param('v.collective_income_yuan_min') + 0 AS income,
         100.0 * (doc ->> '$.groups_road') / (doc ->> '$.groups') >= param('v.road_pct_min') + 0
         AND 100.0 * (doc ->> '$.hh_power') / (doc ->> '$.households') >= param('v.power_pct_min') + 0
         AND 100.0 * (doc ->> '$.hh_broadband') / (doc ->> '$.households') >= param('v.broadband_pct_min') + 0
         AND CASE WHEN param('check.water_days') IS NULL THEN NULL
                  WHEN 100.0 * coalesce(safe, 0) / homes >= param('v.safe_water_pct_min') + 0 THEN 1
                  WHEN 100.0 * (coalesce(safe, 0) + unjudged) / homes < param('v.safe_water_pct_min') + 0 THEN 0
             END AS infra,
         doc ->> '$.clinic' AND doc ->> '$.doctors' >= param('v.doctors_min') + 0
         AND doc ->> '$.culture_m2' > 0 AS services
    FROM counted),
-- ---- frozen lists
listed AS MATERIALIZED (
  SELECT t.subject, substr(t.view, 6) AS list, h.key AS household, h.value AS persons,
         1 + length(h.value) - length(replace(h.value, '|', '')) AS n
    FROM changed c CROSS JOIN ledger t ON t.subject = c.subject
     AND t.view IN ('list.exit_persons', 'list.relocated_persons', 'list.water_persons')
    CROSS JOIN json_each(t.doc) h),
reached AS MATERIALIZED (
  SELECT subject, list, sum(n) AS n, sum(coalesce(CASE list
      WHEN 'exit_persons' THEN n * (
        SELECT l.doc ->> '$.status' = 'exited' FROM ledger l WHERE l.subject = d.household AND l.view = 'status')
      WHEN 'relocated_persons' THEN min(n, (
        SELECT l.num FROM ledger l WHERE l.subject = d.household AND l.view = 'reloc'))
      ELSE n * (SELECT l.num FROM ledger l WHERE l.subject = d.household AND l.view = 'water.safe')
      END, 0)) AS done
    FROM listed d GROUP BY subject, list),
gone AS MATERIALIZED (
  SELECT d.subject, d.list, count(*) AS n
    FROM changed c CROSS JOIN ledger l ON l.place = c.subject AND l.view = 'left'
    CROSS JOIN json_each(l.doc) m
    CROSS JOIN listed d ON d.household = l.subject
     AND instr('|' || d.persons || '|', '|' || m.value || '|')
   GROUP BY d.subject, d.list),
grouped AS MATERIALIZED (
  SELECT v.subject, v.groups, (
      SELECT count(DISTINCT substr(l.subject, 14, 2)) FROM ledger l
       WHERE l.place = v.subject AND l.view = 'house.inspected') AS seen
    FROM village v),
kept AS MATERIALIZED (
  SELECT v.subject, substr(t.view, 6) AS list FROM village v CROSS JOIN ledger t
      ON t.subject = v.subject AND t.view IN ('list.villages', 'list.water_villages'))
SELECT subject, 'task.open' AS name, subject AS place, running AS num, NULL AS den FROM tasks
UNION ALL SELECT subject, 'task.overdue', subject, overdue, running FROM tasks
UNION ALL SELECT subject, 'task.on_time', subject, on_time, ended FROM tasks
UNION ALL SELECT subject, 'house.unattainable', subject, unattainable, NULL FROM tasks
UNION ALL SELECT subject, 'house.demolish_unattainable', subject, standing, NULL FROM tasks
UNION ALL SELECT subject, 'house.groups', subject, min(seen, groups), groups FROM grouped
UNION ALL SELECT subject, 'groups.open', subject, NOT coalesce(seen >= groups, 0), NULL FROM grouped
UNION ALL SELECT subject, 'water.left', subject, 0, baseline FROM village
UNION ALL SELECT subject, 'v.incidence', subject, iif(people IS NULL, NULL, unexited), people FROM part
UNION ALL SELECT subject, 'people.unknown', subject, 1, NULL FROM part WHERE people IS NULL
UNION ALL SELECT subject, 'water.unjudged', subject, unjudged, NULL FROM part WHERE unjudged > 0
UNION ALL SELECT subject, 'v.infra', subject, infra, 1 FROM part
UNION ALL
SELECT subject, 'v.exit_ready', subject, incidence AND income AND infra AND services, 1 FROM part
UNION ALL SELECT subject, 'target.' || list, subject, done, n FROM reached WHERE list <> 'water_persons'
UNION ALL
SELECT v.subject, 'target.water_persons', v.subject, min(coalesce(o.done, 0), coalesce(v.baseline, o.n)), coalesce(v.baseline, o.n)
  FROM village v LEFT JOIN reached o ON o.subject = v.subject AND o.list = 'water_persons'
 WHERE v.baseline > 0 OR o.n > 0
UNION ALL
SELECT k.subject, 'target.' || k.list, k.subject,
       iif(k.list = 'villages', 1, coalesce(o.safe, 0) >= o.homes AND o.homes > 0), 1
  FROM kept k CROSS JOIN counted o ON o.subject = k.subject
UNION ALL
SELECT o.subject, 'natural.' || o.list, o.subject, coalesce(g.n, 0), o.n
  FROM reached o LEFT JOIN gone g ON g.subject = o.subject AND g.list = o.list
