-- name: letters
-- What the database makes of letters and punctuation beyond ASCII; its locale decides. Of UTF8 databases only. One row.
-- folds: it knows capital letters. finds: so does full text search, which takes no quotation mark for a letter.
select
  lower('ÉŁÄ') = 'éłä' and 'É' ilike 'é' as folds,
  to_tsvector('pg_catalog.simple', '“ÉCOLE”')::text = '''école'':1' as finds;
