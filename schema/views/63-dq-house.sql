-- view: dq-house
-- level: household
-- forms: inspect.housing house.work lookback.relocation visit.household
-- reads: relocation water
-- keeps: fault.dwelling
-- dq9: a building of grade A or B is appraised as C or D within `dq.grade_days`, without an event that
-- a visit told of in between; until it is appraised again, or such a visit is recorded. dq10: relocated
-- more than `dq.moved_months` ago (for sure: counted from the new year after) and the old house stands, or
-- relocated and a dangerous-house subsidy paid. dq15: the water was found safe, but not by SI, while
-- T-W1 runs. dq17: two acceptances of one building claim funds.
WITH work AS MATERIALIZED (
  SELECT c.subject, r.form, r.hlc, r.id, hlc_day(r.hlc) AS day, r.effect, r.body ->> '$.data.bld' AS bld,
         CASE WHEN r.form = 'house.work' THEN r.body ->> '$.data.post_grade'
              WHEN r.body ->> '$.data.kind' = 'appraise' THEN r.body ->> '$.data.grade' END AS grade,
         r.body ->> '$.data.stage' AS stage, r.body ->> '$.data.fund.special' AS special,
         r.body ->> '$.data.cost_yuan' AS cost,
         -- a claim that was taken back counted until then
         CASE r.effect WHEN 1 THEN '9999'
              WHEN 0 THEN (SELECT hlc_day(min(am.hlc)) FROM record am WHERE am.amends = r.id AND am.outcome = 1)
              ELSE (SELECT hlc_day(min(v.hlc)) FROM record v
                     WHERE v.subject = id_text(r.id) AND v.form = 'record.void' AND v.outcome = 1) END AS until
    FROM changed c CROSS JOIN record r
      ON r.subject = c.subject AND r.form IN ('inspect.housing', 'house.work')
   WHERE r.outcome = 1 AND r.effect <> -2 AND (r.effect = 1 OR r.body ->> '$.data.stage' = 'accepted')
     AND substr(c.subject, 14) <> '00-0000'),
graded AS (
  SELECT subject, bld, hlc, id, day, grade, form, lag(grade) OVER w AS before, lag(day) OVER w AS since,
         (SELECT min(x.day) FROM work x WHERE x.subject = k.subject AND x.bld = k.bld AND x.effect = 1
             AND x.form = 'inspect.housing' AND x.grade IS NOT NULL AND (x.hlc, x.id) > (k.hlc, k.id)) AS next
    FROM work k WHERE grade IS NOT NULL AND effect = 1 AND (stage IS NULL OR stage = 'accepted')
  WINDOW w AS (PARTITION BY subject, bld ORDER BY hlc, id)),
sudden AS MATERIALIZED (
  SELECT g.subject, g.bld, g.hlc, g.id, g.day, g.next,
         (SELECT min(r.hlc) FROM stored_record r
           WHERE r.subject = g.subject AND r.form = 'visit.household' AND r.body ->> '$.data.sudden_event'
             AND date(upper(r.body ->> '$.data.start'), '+8 hours') BETWEEN g.since AND g.day) AS told
    FROM graded g
   WHERE g.grade IN ('C', 'D') AND g.before IN ('A', 'B') AND g.form = 'inspect.housing'
     AND g.day < date(g.since, '+' || param('dq.grade_days') || ' days')),
looked AS MATERIALIZED (
  SELECT c.subject, r.hlc, r.id, hlc_day(r.hlc) AS day,
         iif(r.body ->> '$.data.old_house' = 'kept', date((CAST(r.body ->> '$.data.moved_year' AS INTEGER) + 1) || '-01-01',
             '+' || param('dq.moved_months') || ' months'), NULL) AS late,
         coalesce(hlc_day(lead(r.hlc) OVER (PARTITION BY c.subject ORDER BY r.hlc, r.id)), '9999') AS until
    FROM changed c CROSS JOIN stored_record r ON r.subject = c.subject AND r.form = 'lookback.relocation'),
moved AS MATERIALIZED (
  SELECT subject, min(day) AS day FROM (
    SELECT subject, day FROM looked
    UNION ALL
    SELECT c.subject, l.doc ->> '$.since' FROM changed c CROSS JOIN ledger l
      ON l.subject = c.subject AND l.view = 'relocation')
   WHERE day IS NOT NULL GROUP BY subject),
wrong AS (
  SELECT subject, 'dq9' AS part, day, id, min(coalesce(next, '9999'),
           coalesce(hlc_day(told), '9999')) AS until
    FROM sudden WHERE told IS NULL OR told > hlc
  UNION ALL
  SELECT k.subject, 'dq10', max(k.day, k.late), k.id, min(k.until, coalesce((
           SELECT min(x.day) FROM work x WHERE x.subject = k.subject AND x.stage = 'demolished'
              AND x.effect = 1 AND x.hlc > k.hlc), '9999'))
    FROM looked k WHERE k.late <= min(k.until, today())
  UNION ALL
  SELECT k.subject, 'dq10', max(k.day, m.day), k.id, k.until
    FROM work k CROSS JOIN moved m ON m.subject = k.subject
   WHERE k.stage = 'accepted' AND k.special > 0 AND k.until >= max(k.day, m.day)
  UNION ALL
  SELECT b.subject, 'dq17', b.day, b.id, min(b.until, a.until)
    FROM work a CROSS JOIN work b ON b.subject = a.subject AND b.bld = a.bld AND (b.hlc, b.id) > (a.hlc, a.id)
   WHERE a.stage = 'accepted' AND b.stage = 'accepted' AND a.cost > 0 AND b.cost > 0
     AND b.until >= b.day AND a.until > b.day
  UNION ALL
  SELECT c.subject, 'dq15', y.value ->> '$.from', NULL, coalesce(y.value ->> '$.to', '9999')
    FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'water'
    CROSS JOIN json_each(l.doc) w CROSS JOIN json_each(w.value, '$.waits') y),
island AS (
  SELECT *, sum(fresh) OVER (PARTITION BY subject, part ORDER BY day, until, id) AS cycle FROM (
    SELECT *, coalesce(day > max(until) OVER (PARTITION BY subject, part ORDER BY day, until, id
                                 ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 1) AS fresh
      FROM wrong WHERE until >= day))
SELECT subject, 'fault.dwelling' AS name, NULL AS place, NULL AS num, NULL AS den,
       json_group_array(json_object('part', part, 'cycle', cycle, 'opened', day,
         'closed', nullif(until, '9999'), 'cause', id_text(id),
         'zh', CASE part WHEN 'dq9' THEN '核实数据:半年内由安全变为危房'
                         WHEN 'dq10' THEN '核实数据:已搬迁户旧房未拆或又享受危改资金'
                         WHEN 'dq15' THEN '核实数据:饮水已评为安全,待行业部门复评'
                         ELSE '核实数据:同一房屋两次申报资金' END,
         'en', CASE part WHEN 'dq9' THEN 'Check the data: a safe house became dangerous within half a year'
                         WHEN 'dq10' THEN 'Check the data: relocated, but the old house stands or was subsidised'
                         WHEN 'dq15' THEN 'Check the data: water found safe, but not by the sector'
                         ELSE 'Check the data: one house claims funds twice' END)) AS doc
  FROM (SELECT subject, part, cycle, min(day) AS day, max(until) AS until, id
          FROM island GROUP BY subject, part, cycle ORDER BY subject, part, cycle)
 GROUP BY subject
