-- view: house
-- level: household
-- forms: hh.facts person.facts exit.step inspect.housing house.work
-- reads: members instants
-- names: check.housing house.cover house.left house.inspected house.demolish_left house.oversize house.undersize
-- keeps: house at.housing fault.house
-- A house (hh, bld) is appraised and worked on in turn; what a screening says of its grade counts for
-- nothing. An episode begins when it is appraised as C or D and ends when its works are closed in full
-- order, an appraisal finds A or B, or it is demolished and no contract to rebuild it was signed before;
-- its use is what was known before it ended. Stages count once all before them are there, in whatever
-- order they came; after an episode those of the next begin with `listed` or a new grade. An annex, a
-- scattered building, an idle one appraised as C or D is to be demolished: until it is listed and
-- demolished, or found to be lived in or safe. Buildings without an owner stand under
-- {village}-00-0000, which is no household: only their demolition is counted. An accepted house, unless
-- it was to be repaired, is measured by the members of the household at the stamp of its record; what
-- is outside the caps asks to look at the data.
-- `suspected`: from the first screening that suspects a building that is lived in, until all such were
-- appraised or demolished; `doubts`: the days on which the newest screening of any suspects it.
WITH RECURSIVE
ev AS MATERIALIZED (
  SELECT c.subject, r.body ->> '$.data.bld' AS bld, r.hlc, r.id, hlc_day(r.hlc) AS day,
         iif(r.form = 'house.work', r.body ->> '$.data.stage', r.body ->> '$.data.kind') AS kind,
         iif(r.body ->> '$.data.kind' = 'appraise', r.body ->> '$.data.grade', NULL) AS grade,
         r.body ->> '$.data.use' AS use, r.body ->> '$.data.action' AS action,
         r.body ->> '$.data.sole_home' AS sole, r.body ->> '$.data.suspected' AS suspected,
         r.body ->> '$.data.post_grade' AS post, r.body ->> '$.data.area_m2' AS area
    FROM changed c CROSS JOIN stored_record r
      ON r.subject = c.subject AND r.form IN ('inspect.housing', 'house.work')),
-- wreck: 1 = it says that the building is to be demolished, 0 = that it is not, NULL = neither
step AS MATERIALIZED (
  SELECT *, row_number() OVER (PARTITION BY subject, bld ORDER BY hlc, id) AS n,
         CASE kind WHEN 'listed' THEN 1 WHEN 'signed' THEN 2 WHEN 'started' THEN 4
                   WHEN 'main_done' THEN 8 WHEN 'accepted' THEN iif(post IN ('A', 'B'), 16, 0)
                   WHEN 'closed' THEN 32 ELSE 0 END AS bit,
         CASE kind WHEN 'listed' THEN 1 WHEN 'demolished' THEN 2 ELSE 0 END AS down,
         CASE WHEN kind NOT IN ('screen', 'appraise') THEN NULL
              WHEN use IN ('annex', 'scattered') THEN 1
              WHEN kind = 'appraise' THEN use = 'idle' AND grade IN ('C', 'D')
              WHEN use = 'resident' THEN 0 END AS wreck
    FROM ev),
-- ep: number of the episode; bad: its grade; grade: the house's grade now; works: stages seen, of
-- the next episode once this one is closed; reached: stages seen before it was; lived, only: its use and
-- whether it was the only home. w*: the same of its demolition; gone: demolished, and not seen since.
-- doubt: suspected and not appraised since; seen: what the newest screening since an appraisal says
fold(subject, bld, n, hlc, ep, c, d, bad, grade, found, cause, closed, use, sole, lived, only, works, reached,
     post, action, wep, wfound, wcause, wclosed, wdone, wworks, gone, doubt, seen) AS (
  SELECT DISTINCT subject, bld, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, '', NULL, NULL, NULL, NULL, 0, 0,
                  NULL, NULL, 0, NULL, NULL, '', 0, 0, 0, 0, NULL FROM step
  UNION ALL
  SELECT f.subject, f.bld, s.n, s.hlc,
    f.ep + iif(s.grade IN ('C', 'D') AND NOT (f.closed IS NULL AND f.bad = s.grade), 1, 0),
    f.c + iif(s.grade = 'C' AND NOT (f.closed IS NULL AND f.bad = 'C'), 1, 0),
    f.d + iif(s.grade = 'D' AND NOT (f.closed IS NULL AND f.bad = 'D'), 1, 0),
    iif(s.grade IN ('C', 'D'), s.grade, f.bad),
    CASE WHEN s.kind = 'appraise' THEN s.grade
         WHEN f.works | s.bit = 63 AND f.closed IS NULL THEN coalesce(s.post, f.post)
         ELSE f.grade END,
    iif(s.grade IN ('C', 'D') AND NOT (f.closed IS NULL AND f.bad = s.grade), s.day, f.found),
    iif(s.grade IN ('C', 'D') AND NOT (f.closed IS NULL AND f.bad = s.grade), s.id, f.cause),
    CASE WHEN s.grade IN ('C', 'D') THEN NULL
         WHEN f.closed IS NULL AND (s.grade IN ('A', 'B') OR f.works | s.bit = 63 OR
                                    (f.wworks | s.down = 3 AND NOT f.works & 2)) THEN s.day
         ELSE f.closed END,
    iif(s.kind = 'screen', f.use, coalesce(s.use, f.use)),
    iif(s.kind = 'screen', f.sole, coalesce(s.sole, f.sole)),
    iif(s.grade IN ('C', 'D'), s.use, f.lived), iif(s.grade IN ('C', 'D'), s.sole, f.only),
    CASE WHEN f.closed IS NULL AND (s.grade IN ('A', 'B') OR f.works | s.bit = 63 OR
                                    (f.wworks | s.down = 3 AND NOT f.works & 2)) THEN 0
         WHEN f.closed > '' AND NOT f.works AND s.bit > 1 THEN 0
         ELSE f.works | s.bit END,
    CASE WHEN f.closed IS NOT NULL AND s.grade IS NOT 'C' AND s.grade IS NOT 'D' THEN f.reached
         ELSE f.works | s.bit END,
    coalesce(s.post, f.post), coalesce(s.action, f.action),
    f.wep + (s.wreck IS 1 AND f.wclosed IS NOT NULL),
    iif(s.wreck IS 1 AND f.wclosed IS NOT NULL, s.day, f.wfound),
    iif(s.wreck IS 1 AND f.wclosed IS NOT NULL, s.id, f.wcause),
    CASE WHEN s.wreck IS 1 THEN NULL
         WHEN f.wclosed IS NULL AND (s.wreck IS 0 OR f.wworks | s.down = 3) THEN s.day
         ELSE f.wclosed END,
    CASE WHEN s.wreck IS 1 THEN 0
         WHEN f.wclosed IS NULL AND s.wreck IS NOT 0 AND f.wworks | s.down = 3 THEN 1
         ELSE f.wdone END,
    CASE WHEN f.wworks | s.down = 3 OR (f.gone AND NOT f.wworks AND s.down = 2) THEN 0
         WHEN s.wreck IS NOT NULL THEN f.wworks & 1
         ELSE f.wworks | s.down END,
    CASE WHEN f.wworks | s.down = 3 THEN 1
         WHEN s.use IS NOT NULL OR (f.works | s.bit = 63 AND f.closed IS NULL) THEN 0 ELSE f.gone END,
    CASE WHEN s.kind = 'appraise' OR f.wworks | s.down = 3 THEN 0
         WHEN s.kind = 'screen' AND s.use = 'resident' AND s.suspected THEN 1 ELSE f.doubt END,
    CASE WHEN s.kind = 'appraise' OR f.wworks | s.down = 3 THEN NULL
         WHEN s.kind = 'screen' AND s.use = 'resident' THEN s.suspected ELSE f.seen END
    FROM fold f CROSS JOIN step s ON s.subject = f.subject AND s.bld = f.bld AND s.n = f.n + 1),
house AS MATERIALIZED (SELECT *, max(n) FROM fold GROUP BY subject, bld),
-- where a stage waits for one before it, and until when
pending AS MATERIALIZED (
  SELECT f.subject, f.bld, f.n, s.day, s.id, s.hlc, s.kind, s.area, f.action, f.doubt, f.seen IS 1 AS seen,
         f.works & (f.works + 1) <> 0 OR f.wworks = 2 AS hole
    FROM fold f CROSS JOIN step s ON s.subject = f.subject AND s.bld = f.bld AND s.n = f.n),
hole AS MATERIALIZED (
  SELECT *, lead(day) OVER (PARTITION BY subject, bld ORDER BY n) AS closed,
         row_number() OVER (PARTITION BY subject, bld, hole ORDER BY n) AS cycle FROM (
    SELECT *, lag(hole, 1, 0) OVER (PARTITION BY subject, bld ORDER BY n) AS before FROM pending)
   WHERE hole <> before),
episode AS MATERIALIZED (
  SELECT f.*, max(f.n) FROM fold f CROSS JOIN house h ON h.subject = f.subject AND h.bld = f.bld
   WHERE f.ep > 0 GROUP BY f.subject, f.bld, f.ep
  HAVING f.closed IS NOT NULL OR f.ep = h.ep),
wreck AS MATERIALIZED (
  SELECT *, max(n) FROM fold WHERE wep > 0 GROUP BY subject, bld, wep),
-- Worked back from the stop: acceptance 10 days before it, the rest in shares of the time left.
planned AS MATERIALIZED (
  SELECT o.*, param('campaign.housing.stop') AS stop, date(found, '+1 day') AS next,
         date(param('campaign.housing.stop'), '-10 days') AS accept,
         CAST(julianday(param('campaign.housing.stop')) - julianday(found) AS INTEGER) - 10 AS span
    FROM episode o),
home AS MATERIALIZED (
  SELECT c.subject, e.place, coalesce(json_array_length(e.doc, '$.focus'), 0) > 0 AS focus,
         substr(c.subject, 14) = '00-0000' AS ownerless
    FROM changed c CROSS JOIN entity e ON e.kind = 'household' AND e.id = c.subject
   WHERE e.gone = ''),
lived AS MATERIALIZED (
  SELECT subject, kind, day FROM ev WHERE use = 'resident' AND kind IN ('screen', 'appraise')),
-- from when until when any building of the household is suspected, not appraised since (doubt) or by its
-- newest screening (seen); focus = the household was of a priority group at the beginning: as far as was
-- known then, or was known first if it was registered later
suspicion AS MATERIALIZED (
  SELECT subject, what, day, id, closed, row_number() OVER (PARTITION BY subject, what ORDER BY hlc, id) AS cycle,
         coalesce((
           SELECT json_array_length(r.body, '$.data.set.focus') > 0 FROM stored_record r
            WHERE r.subject = t.subject AND r.form = 'hh.facts' AND r.hlc <= t.hlc
              AND json_type(r.body, '$.data.set.focus') IS NOT NULL ORDER BY r.hlc DESC, r.id DESC LIMIT 1), (
           SELECT json_array_length(r.body, '$.data.set.focus') > 0 FROM stored_record r
            WHERE r.subject = t.subject AND r.form = 'hh.facts' AND r.hlc > t.hlc
              AND json_type(r.body, '$.data.set.focus') IS NOT NULL
              AND NOT EXISTS (SELECT 1 FROM stored_record told
                               WHERE told.subject = t.subject AND told.form = 'hh.facts' AND told.hlc <= t.hlc)
            ORDER BY r.hlc, r.id LIMIT 1), 0) AS focus
    FROM (
      SELECT *, lead(day) OVER (PARTITION BY subject, what ORDER BY hlc, id) AS closed FROM (
        SELECT *, sum(turn) OVER (PARTITION BY subject, what ORDER BY hlc, id) AS n FROM (
          SELECT subject, 'doubt' AS what, hlc, id, day,
                 doubt - lag(doubt, 1, 0) OVER (PARTITION BY subject, bld ORDER BY n) AS turn FROM pending
          UNION ALL
          SELECT subject, 'seen', hlc, id, day,
                 seen - lag(seen, 1, 0) OVER (PARTITION BY subject, bld ORDER BY n) FROM pending)
         WHERE turn <> 0)
       WHERE n = (turn > 0)) t
   WHERE turn > 0),
-- now ('') and the instants at which the checks are asked for besides
moment AS MATERIALIZED (
  SELECT subject, '' AS key, 9223372036854775807 AS hlc FROM ev GROUP BY subject
  UNION ALL
  SELECT s.subject, i.value ->> '$.key', i.value ->> '$.hlc'
    FROM (SELECT subject FROM ev GROUP BY subject) s
    CROSS JOIN ledger l ON l.subject = s.subject AND l.view = 'instants'
    CROSS JOIN json_each(l.doc) i),
-- suspected: by the newest screening of any building, while no appraisal of it came after
standing AS MATERIALIZED (
  SELECT subject, key, max(lived AND grade IN ('C', 'D')) AS bad, max(lived AND grade IN ('A', 'B')) AS safe,
         max(seen) AS suspected
    FROM (
      SELECT m.subject, m.key, f.use IS 'resident' AND NOT f.gone AS lived, f.grade, f.seen, max(f.n)
        FROM moment m CROSS JOIN fold f ON f.subject = m.subject AND f.hlc <= m.hlc
       GROUP BY m.subject, m.key, f.bld)
   GROUP BY subject, key),
checked AS MATERIALIZED (
  SELECT m.subject, m.key,
         CASE WHEN t.bad THEN 'gap'
              WHEN NOT o.focus AND t.suspected THEN 'gap'
              WHEN t.safe THEN 'ok'
              WHEN NOT o.focus AND NOT t.suspected THEN 'ok'
              ELSE 'unknown' END AS state
    FROM moment m CROSS JOIN home o ON o.subject = m.subject
    LEFT JOIN standing t ON t.subject = m.subject AND t.key = m.key
   WHERE NOT o.ownerless),
-- m2 for so many persons: for more than three, so much for each
accepted AS MATERIALIZED (
  SELECT *, CASE persons WHEN 0 THEN NULL WHEN 1 THEN param('house.area_1p_min')
                 WHEN 2 THEN param('house.area_2p_min') WHEN 3 THEN param('house.area_3p_min')
                 ELSE persons * param('house.area_each_min') END + 0 AS least,
         CASE persons WHEN 0 THEN NULL WHEN 1 THEN param('house.area_1p_max')
                 WHEN 2 THEN param('house.area_2p_max') WHEN 3 THEN param('house.area_3p_max')
                 ELSE persons * param('house.area_each_max') END + 0 AS most
    FROM (SELECT v.subject, v.bld, v.hlc, v.id, v.day, v.area, (
              SELECT count(*) FROM ledger w, json_each(unsealed(w.doc)) q
               WHERE w.subject = v.subject AND w.view = 'members'
                 AND coalesce(q.value ->> '$.since', 0) <= v.hlc
                 AND coalesce(q.value ->> '$.left', v.hlc + 1) > v.hlc) AS persons
            FROM pending v WHERE v.kind = 'accepted' AND v.area IS NOT NULL AND v.action IS NOT 'repair')),
sized AS MATERIALIZED (
  SELECT *, CASE WHEN area > most THEN 1 WHEN area < least THEN -1 ELSE 0 END AS size,
         sum(coalesce(area BETWEEN least AND most, 0)) OVER (PARTITION BY subject, bld ORDER BY hlc, id) AS turn,
         row_number() OVER (PARTITION BY subject, bld ORDER BY hlc DESC, id DESC) AS last
    FROM accepted WHERE least IS NOT NULL AND most IS NOT NULL),
misfit AS MATERIALIZED (
  SELECT *, row_number() OVER (PARTITION BY subject, bld ORDER BY turn) AS cycle,
         (SELECT min(z.day) FROM sized z WHERE z.subject = s.subject AND z.bld = s.bld
             AND z.turn = s.turn + 1 AND z.size = 0) AS closed
    FROM (SELECT *, row_number() OVER (PARTITION BY subject, bld, turn ORDER BY hlc, id) AS k
            FROM sized WHERE size <> 0) s
   WHERE k = 1)
SELECT subject, 'check.housing' AS name, NULL AS place, NULL AS num, NULL AS den,
       json_object('state', state) AS doc
  FROM checked WHERE key = '' AND state <> 'unknown'
UNION ALL
SELECT subject, 'at.housing', NULL, NULL, NULL, json_group_object(key, state)
  FROM (SELECT * FROM checked WHERE key <> '' ORDER BY subject, key) GROUP BY subject
UNION ALL
SELECT o.subject, 'house.cover', o.place,
       EXISTS (SELECT 1 FROM lived v WHERE v.subject = o.subject AND v.kind = 'appraise'), 1, '{}'
  FROM home o WHERE o.focus AND NOT o.ownerless
UNION ALL
SELECT o.subject, 'house.inspected', o.place, 1, NULL, '{}'
  FROM home o WHERE NOT o.ownerless
   AND o.subject IN (SELECT subject FROM ev WHERE kind IN ('screen', 'appraise'))
UNION ALL
SELECT o.subject, 'house.left', o.place, sum(p.closed IS NULL), count(*), '{}'
  FROM episode p CROSS JOIN home o ON o.subject = p.subject
 WHERE p.lived = 'resident' AND p.only AND NOT o.ownerless GROUP BY p.subject
UNION ALL
SELECT o.subject, 'house.demolish_left', o.place, sum(h.wclosed IS NULL), count(*), '{}'
  FROM house h CROSS JOIN home o ON o.subject = h.subject
 WHERE h.wep > 0 AND (h.wclosed IS NULL OR h.wdone) GROUP BY h.subject
UNION ALL
SELECT o.subject, 'house.oversize', o.place, sum(z.size = 1), count(*), '{}'
  FROM sized z CROSS JOIN home o ON o.subject = z.subject WHERE z.last = 1 GROUP BY z.subject
UNION ALL
SELECT o.subject, 'house.undersize', o.place, sum(z.size = -1), count(*), '{}'
  FROM sized z CROSS JOIN home o ON o.subject = z.subject WHERE z.last = 1 GROUP BY z.subject
UNION ALL
SELECT m.subject, 'fault.house', NULL, NULL, NULL, json_group_array(json_object(
         'part', printf('a%02d', bld), 'cycle', cycle, 'opened', day, 'closed', closed, 'cause', id_text(id),
         'zh', iif(size > 0, '核实数据:改造后面积超过标准', '核实数据:改造后面积低于标准'),
         'en', iif(size > 0, 'Check the data: the rebuilt house is oversize',
                             'Check the data: the rebuilt house is undersize')))
  FROM (SELECT * FROM misfit ORDER BY subject, bld, cycle) m GROUP BY m.subject
UNION ALL
SELECT s.subject, 'house', NULL, NULL, NULL, json_object(
    'first', (SELECT min(v.day) FROM lived v WHERE v.subject = s.subject AND v.kind = 'appraise'),
    'episodes', (
    SELECT json_group_array(json_object('bld', bld, 'grade', bad, 'cycle', iif(bad = 'C', c, d),
             'found', found, 'cause', id_text(cause), 'closed', closed, 'use', lived, 'sole', only,
             'stage', CASE WHEN reached & 31 = 31 THEN 5 WHEN reached & 15 = 15 THEN 4
                           WHEN reached & 7 = 7 THEN 3 WHEN reached & 3 = 3 THEN 2 ELSE reached & 1 END,
             'unattainable', coalesce(span < iif(bad = 'C', 15, 45) OR found > stop, 0),
             'milestones', CASE WHEN stop IS NOT NULL THEN json_array(
               json_object('name', 'sign', 'due',
                 min(stop, max(next, date(found, '+' || max(span * 10 / 100, 0) || ' days')))),
               json_object('name', 'start', 'due',
                 min(stop, max(next, date(found, '+' || max(span * 20 / 100, 0) || ' days')))),
               json_object('name', 'main', 'due',
                 min(stop, max(next, date(found, '+' || max(span * 75 / 100, 0) || ' days')))),
               json_object('name', 'accept', 'due', min(stop, max(next, accept)))) END))
      FROM (SELECT * FROM planned p WHERE p.subject = s.subject ORDER BY p.bld, p.found, p.cause)),
    'demolish', (
    SELECT json_group_array(json_object('bld', bld, 'cycle', wep, 'found', wfound,
                                        'cause', id_text(wcause), 'closed', wclosed))
      FROM (SELECT * FROM wreck y WHERE y.subject = s.subject ORDER BY y.bld, y.wep)),
    'suspected', (
    SELECT json_group_array(json_object('cycle', cycle, 'found', day, 'cause', id_text(id),
             'closed', closed, 'focus', focus))
      FROM (SELECT * FROM suspicion n WHERE n.subject = s.subject AND n.what = 'doubt' ORDER BY n.cycle)),
    'doubts', (
    SELECT json_group_array(json_object('from', day, 'to', closed, 'focus', focus))
      FROM (SELECT * FROM suspicion n WHERE n.subject = s.subject AND n.what = 'seen' ORDER BY n.cycle)),
    'holes', (
    SELECT json_group_array(json_object('bld', bld, 'cycle', cycle, 'opened', day, 'closed', closed,
                                        'cause', id_text(id)))
      FROM (SELECT * FROM hole o WHERE o.subject = s.subject AND o.hole ORDER BY o.bld, o.day, o.id)))
  FROM ev s GROUP BY s.subject
