-- view: inventory
-- level: household
-- forms: hh.facts visit.household register.cadre
-- reads: status population members
-- names: inventory.exited inventory.unexited inventory.planned inventory.natural tour tour.village tour.township
-- keeps: tour.seen
-- The stock of the poor, in persons / households: exited (doc = {"year", "persons"}), not exited, to
-- exit this year; natural = who left, less who joined, since the listing of 2014: of a household that
-- was removed all, and a household listed later joined as a whole (registered in 2014 = exited +
-- unexited + natural). `tour`: poor households that a secretary (SE) visited, of all poor households;
-- by the secretary whose area is the village or the township. `tour.seen`: visited by the county's.
WITH stock AS MATERIALIZED (
  SELECT c.subject, l.place, l.doc ->> '$.status' AS status, l.doc ->> '$.exit_year' AS year,
         p.num AS persons, coalesce(h.doc ->> '$.listed_year', 2014) > 2014 AS late,
         (SELECT r.hlc FROM stored_record r WHERE r.subject = c.subject AND r.form = 'hh.facts'
           ORDER BY r.hlc LIMIT 1) AS since
    FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'status'
     AND l.doc ->> '$.status' <> 'none'
    CROSS JOIN ledger p ON p.subject = c.subject AND p.view = 'population'
    CROSS JOIN entity h ON h.kind = 'household' AND h.id = c.subject),
-- joined: written by a phone, more than a day after the household itself
moved AS MATERIALIZED (
  SELECT s.subject, sum(x.value ->> '$.left' IS NOT NULL) AS gone,
         sum(NOT x.value ->> '$.imported' AND x.value ->> '$.since' > s.since + (86400000 << 16)) AS joined
    FROM stock s CROSS JOIN ledger m ON m.subject = s.subject AND m.view = 'members'
    CROSS JOIN json_each(unsealed(m.doc)) x GROUP BY s.subject),
poor AS MATERIALIZED (SELECT * FROM stock WHERE status <> 'removed'),
change AS MATERIALIZED (
  SELECT s.subject, s.place, CASE
      WHEN s.late THEN iif(s.status = 'removed', 0, - s.persons)
      ELSE coalesce(g.gone - g.joined, 0) + iif(s.status = 'removed', s.persons, 0) END AS net
    FROM stock s LEFT JOIN moved g ON g.subject = s.subject),
visit AS MATERIALIZED (
  SELECT DISTINCT n.subject, n.place, x.value AS area
    FROM poor n CROSS JOIN stored_record r ON r.subject = n.subject AND r.form = 'visit.household'
    CROSS JOIN json_each(cadre_at(r.author, 'scope', r.hlc)) x
   WHERE r.body ->> '$.data.mode' = 'in_person' AND r.body ->> '$.data.met' <> 'none'
     AND cadre_at(r.author, 'role', r.hlc) = 'SE'),
toured AS MATERIALIZED (
  SELECT subject, max(area = place) AS village, max(area = substr(place, 1, 9) || '000') AS township,
         max(area = substr(place, 1, 6) || '000000') AS county
    FROM visit GROUP BY subject)
SELECT subject, 'inventory.exited' AS name, place, persons AS num, 1 AS den,
       json_object('year', year, 'persons', persons) AS doc
  FROM poor WHERE status = 'exited'
UNION ALL SELECT subject, 'inventory.unexited', place, persons, 1, '{}' FROM poor WHERE status <> 'exited'
UNION ALL SELECT subject, 'inventory.planned', place, persons, 1, '{}' FROM poor WHERE status = 'planned_exit'
UNION ALL SELECT subject, 'inventory.natural', place, net, NULL, '{}' FROM change WHERE net <> 0
UNION ALL
SELECT n.subject, 'tour', n.place, t.subject IS NOT NULL, 1, '{}'
  FROM poor n LEFT JOIN toured t ON t.subject = n.subject
UNION ALL
SELECT n.subject, 'tour.village', n.place, coalesce(t.village, 0), 1, '{}'
  FROM poor n LEFT JOIN toured t ON t.subject = n.subject
UNION ALL
SELECT n.subject, 'tour.township', n.place, coalesce(t.township, 0), 1, '{}'
  FROM poor n LEFT JOIN toured t ON t.subject = n.subject
UNION ALL
SELECT subject, 'tour.seen', substr(subject, 1, 12), NULL, NULL, '{}' FROM toured WHERE county
