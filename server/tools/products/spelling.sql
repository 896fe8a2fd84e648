-- name: words_like
-- Words of this store that begin like one of $1 (text[]) and differ from it in length by $2 (int) at most.
select u.word, k.word as known
from unnest($1::text[]) u (word)
join retail.product_words k
  -- A range, because the operators for prefixes may not use an index under row level security.
  on k.word >= left(u.word, 1) and k.word < left(u.word, 1) || chr(1114111)
where length(k.word) between length(u.word) - $2::int and length(u.word) + $2
order by u.word, k.word;

-- name: best_words
-- For each word of $1 the best of its candidates, which stand in the same places of $2 (both text[]): the one in most
-- active products together with another word of the query $3, then in most products; none that no product has any more.
select distinct on (c.word) c.word, c.known
from unnest($1::text[], $2::text[]) c (word, known)
cross join lateral plainto_tsquery('pg_catalog.english', c.known) candidate
cross join (
  select replace(plainto_tsquery('pg_catalog.english', retail.search_text($3::text))::text, ' & ', ' | ')::tsquery as any_word
) query
join retail.products p on p.is_active and p.search_document @@ candidate
group by c.word, c.known
order by c.word, count(*) filter (where p.search_document @@ query.any_word) desc, count(*) desc, c.known;
