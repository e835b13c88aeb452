-- Every statement of the program, by name. Prepared once, kept.

-- name: data_version
PRAGMA data_version;

-- name: meta_get
SELECT value FROM meta WHERE name = ?1;

-- name: meta_set
INSERT INTO meta(name, value) VALUES(?1, ?2)
  ON CONFLICT(name) DO UPDATE SET value = excluded.value;

-- name: param_get
SELECT value FROM param WHERE name = ?1;

-- name: param_set
INSERT INTO param(name, value) VALUES(?1, ?2)
  ON CONFLICT(name) DO UPDATE SET value = excluded.value;

-- name: dirty_add
INSERT INTO dirty(level, id, forms) VALUES(?1, ?2, ?3)
  ON CONFLICT(level, id) DO UPDATE SET forms = forms | excluded.forms
  WHERE forms | excluded.forms <> forms;
