-- How names are compared that people type: without case, accents and apostrophes.

set role retail_owner;

-- Accents are marks of their own after compatibility decomposition; the letters that Unicode does not decompose are written
-- as people without them on their keyboard do. Apostrophes of every kind go. Plain names, which most are, take the short way.
create or replace function retail.fold(written text) returns text
language sql immutable parallel safe
begin atomic
  select case
    when octet_length(written) = length(written) then translate(lower(written), '''`', '')
    else translate(
      replace(replace(replace(replace(
        lower(regexp_replace(normalize(translate(written, '''`´’‘ʼʻ′＇', ''), nfkd), '[\u0300-\u036f]', '', 'g')),
        'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th'),
      'ıłøđðħŧ', 'iloddht'
    )
  end;
end;
comment on function retail.fold(text) is 'A name without case, accents and apostrophes, as names are compared.';

reset role;
