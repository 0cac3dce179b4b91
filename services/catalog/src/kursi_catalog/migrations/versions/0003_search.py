"""What search reads."""

from alembic import op

revision = "0003"
down_revision = "0002"

# Written with every review (0005), in its transaction; the average is their quotient.
_REVIEW_COUNTS = """
ALTER TABLE salons
    ADD COLUMN review_count integer NOT NULL DEFAULT 0,
    ADD COLUMN rating_sum   integer NOT NULL DEFAULT 0,
    ADD CONSTRAINT salons_review_counts
        CHECK (review_count >= 0 AND rating_sum BETWEEN review_count AND 5 * review_count)
"""

# Words as search compares them: letters folded and written in Latin (`search_key`), without the Arabic article and
# what grows together with it, which one writes and the next leaves out.
_WORDS = r"""
CREATE FUNCTION search_words(original text) RETURNS TABLE (word text, number bigint)
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT left(part.word, 40), part.number
    FROM regexp_split_to_table(
        search_key(regexp_replace(
            regexp_replace(fold_text(original), '[''\u2019\u02BC`]', '', 'g'),
            '(^|[^\u0621-\u06D2])(وال|بال|فال|كال|لل|ال)(?=[\u0621-\u06D2]{3})', '\1', 'g')),
        '[\s\u0021-\u002F\u003A-\u0040\u005B-\u0060\u007B-\u00BF\u060C\u061B\u061F\u066A-\u066D\u06D4\u2000-\u206F\u3000-\u303F]+'
    ) WITH ORDINALITY AS part (word, number)
    WHERE part.word <> '';
END
"""

# One row per salon that customers may find, and with it what they filter by; a salon that is archived, suspended or a
# draft has none. `open_times` is known until `open_until`: it follows from rules that SQL does not know, and is
# written by the service with each change of hours and by a job as time goes on.
_SALONS = """
CREATE TABLE search_salons (
    salon_id      uuid              NOT NULL,
    city_key      text              NOT NULL,
    latitude      double precision,
    longitude     double precision,
    serves        text              NOT NULL,
    currency_code text              NOT NULL,
    rating        integer,
    review_count  integer           NOT NULL,
    open_times    tstzmultirange    NOT NULL DEFAULT '{}',
    open_until    timestamptz       NOT NULL DEFAULT '-infinity',
    CONSTRAINT search_salons_pkey PRIMARY KEY (salon_id),
    CONSTRAINT search_salons_salon_fkey FOREIGN KEY (salon_id) REFERENCES salons (id)
);
CREATE INDEX search_salons_place ON search_salons (latitude, longitude);
CREATE INDEX search_salons_city ON search_salons (city_key);
CREATE INDEX search_salons_open_until ON search_salons (open_until);
CREATE TABLE search_offers (
    salon_id     uuid   NOT NULL,
    service_id   uuid   NOT NULL,
    category_key text   NOT NULL,
    price_minor  bigint NOT NULL,
    CONSTRAINT search_offers_pkey PRIMARY KEY (salon_id, service_id),
    CONSTRAINT search_offers_salon_fkey FOREIGN KEY (salon_id) REFERENCES search_salons (salon_id) ON DELETE CASCADE
);
CREATE INDEX search_offers_category ON search_offers (category_key, price_minor) INCLUDE (salon_id);
"""

# An inverted index in plain rows: a word, a salon that has it, and the weight of the best place where it stands.
# The vocabulary is every word that ever stood somewhere: what was typed is compared with each of them once, instead of
# with each salon that has it. It has no unique key, so that two salons that bring the same new word do not wait
# for each other; a word that is in it twice is found twice and counts once.
_INDEX = """
CREATE TABLE search_index (
    word     text COLLATE "C" NOT NULL,
    salon_id uuid             NOT NULL,
    weight   smallint         NOT NULL,
    CONSTRAINT search_index_pkey PRIMARY KEY (word, salon_id) INCLUDE (weight),
    CONSTRAINT search_index_salon_fkey FOREIGN KEY (salon_id) REFERENCES search_salons (salon_id) ON DELETE CASCADE
);
CREATE INDEX search_index_salon ON search_index (salon_id);
CREATE TABLE search_vocabulary (word text COLLATE "C" NOT NULL);
CREATE INDEX search_vocabulary_word ON search_vocabulary (word);
CREATE INDEX search_vocabulary_trigrams ON search_vocabulary USING gin (word gin_trgm_ops);
"""

# Names weigh most, a word of a short name more than one of a long name; then services with their categories, staff,
# the city, descriptions. The lengths are bounds on how much of search one salon can fill.
_DOCUMENT = """
CREATE FUNCTION search_document(wanted uuid) RETURNS TABLE (word text, weight smallint)
    LANGUAGE sql STABLE STRICT
BEGIN ATOMIC
    SELECT found.word, max(found.weight)::smallint
    FROM (
        SELECT part.word, 800 + 200 / count(*) OVER (PARTITION BY name.key) AS weight
        FROM salons s, jsonb_each_text(s.names) name, search_words(name.value) part
        WHERE s.id = wanted
        UNION ALL
        SELECT part.word, 500
        FROM (SELECT string_agg(concat_ws(' ', o.category, name.value), ' ' ORDER BY o.id, name.key) AS words
              FROM services o, jsonb_each_text(o.names) name
              WHERE o.salon_id = wanted AND o.active AND o.archive_time IS NULL) offered,
            search_words(left(offered.words, 20000)) part
        UNION ALL
        SELECT part.word, 400
        FROM (SELECT string_agg(name.value, ' ' ORDER BY m.id, name.key) AS words
              FROM staff_members m, jsonb_each_text(m.display_names) name
              WHERE m.salon_id = wanted AND m.archive_time IS NULL) staffed,
            search_words(left(staffed.words, 10000)) part
        UNION ALL
        SELECT part.word, 300 FROM salons s, search_words(s.city) part WHERE s.id = wanted
        UNION ALL
        SELECT part.word, 100
        FROM (SELECT string_agg(description.value, ' ' ORDER BY description.key) AS words
              FROM salons s, jsonb_each_text(s.descriptions) description WHERE s.id = wanted) described,
            search_words(left(described.words, 10000)) part
    ) found
    GROUP BY found.word;
END
"""

# Runs as the owner, by triggers only: the service cannot write these tables, so what stands in them always is what
# the salons, services and staff say.
_REFRESH = """
CREATE FUNCTION refresh_search(wanted uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
BEGIN
    INSERT INTO search_salons AS known
        (salon_id, city_key, latitude, longitude, serves, currency_code, rating, review_count)
    SELECT s.id, fold_text(s.city), s.latitude, s.longitude, s.serves, s.currency_code,
        round(100.0 * s.rating_sum / nullif(s.review_count, 0)), s.review_count
    FROM salons s WHERE s.id = wanted AND s.status = 'live' AND s.archive_time IS NULL
    ON CONFLICT (salon_id) DO UPDATE
    SET city_key = excluded.city_key, latitude = excluded.latitude, longitude = excluded.longitude,
        serves = excluded.serves, currency_code = excluded.currency_code,
        rating = excluded.rating, review_count = excluded.review_count;
    IF NOT FOUND THEN
        DELETE FROM search_salons WHERE salon_id = wanted;
        RETURN;
    END IF;

    WITH offered AS MATERIALIZED (
        SELECT o.id, fold_text(o.category) AS category_key, o.price_minor
        FROM services o WHERE o.salon_id = wanted AND o.active AND o.archive_time IS NULL
    ), gone AS (
        DELETE FROM search_offers x
        WHERE x.salon_id = wanted AND NOT EXISTS (SELECT FROM offered o WHERE o.id = x.service_id)
    )
    INSERT INTO search_offers AS known (salon_id, service_id, category_key, price_minor)
    SELECT wanted, o.id, o.category_key, o.price_minor FROM offered o
    ON CONFLICT (salon_id, service_id) DO UPDATE
    SET category_key = excluded.category_key, price_minor = excluded.price_minor
    WHERE (known.category_key, known.price_minor) IS DISTINCT FROM (excluded.category_key, excluded.price_minor);

    WITH document AS MATERIALIZED (
        SELECT d.word, d.weight FROM search_document(wanted) d
    ), gone AS (
        DELETE FROM search_index x
        WHERE x.salon_id = wanted AND NOT EXISTS (SELECT FROM document d WHERE d.word = x.word)
    ), learned AS (
        INSERT INTO search_vocabulary (word)
        SELECT d.word FROM document d WHERE NOT EXISTS (SELECT FROM search_vocabulary v WHERE v.word = d.word)
    )
    INSERT INTO search_index AS known (word, salon_id, weight)
    SELECT d.word, wanted, d.weight FROM document d
    ON CONFLICT (word, salon_id) DO UPDATE SET weight = excluded.weight WHERE known.weight <> excluded.weight;
END $$
"""

_TRIGGERS = """
CREATE FUNCTION refresh_search_of_salon() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refresh_search(NEW.id);
    RETURN NULL;
END $$;
CREATE FUNCTION refresh_search_of_part() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Who writes hundreds of parts of one salon puts this off, and refreshes once at the end of the transaction.
    IF current_setting('kursi.search_put_off', true) = 'on' THEN
        RETURN NULL;
    END IF;
    PERFORM refresh_search(CASE TG_OP WHEN 'DELETE' THEN OLD.salon_id ELSE NEW.salon_id END);
    RETURN NULL;
END $$;
CREATE FUNCTION refresh_search_rating() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
BEGIN
    UPDATE search_salons
    SET rating = round(100.0 * NEW.rating_sum / nullif(NEW.review_count, 0)), review_count = NEW.review_count
    WHERE salon_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER salons_search
    AFTER INSERT OR UPDATE OF names, descriptions, city, latitude, longitude, serves, currency_code, status, archive_time
    ON salons FOR EACH ROW EXECUTE FUNCTION refresh_search_of_salon();
CREATE TRIGGER salons_search_rating AFTER UPDATE OF review_count, rating_sum ON salons
    FOR EACH ROW EXECUTE FUNCTION refresh_search_rating();
CREATE TRIGGER services_search
    AFTER INSERT OR DELETE OR UPDATE OF category, names, price_minor, active, archive_time
    ON services FOR EACH ROW EXECUTE FUNCTION refresh_search_of_part();
CREATE TRIGGER staff_members_search AFTER INSERT OR DELETE OR UPDATE OF display_names, archive_time
    ON staff_members FOR EACH ROW EXECUTE FUNCTION refresh_search_of_part();
"""

# The columns and indexes with which search began; nothing reads them any more.
_FORMER = """
DROP INDEX salons_search_text, salons_location, salons_city, services_category;
ALTER TABLE salons DROP COLUMN name_text, DROP COLUMN search_text;
"""

_GRANTS = """
GRANT SELECT ON search_salons, search_offers, search_index, search_vocabulary TO catalog_app;
GRANT UPDATE (open_times, open_until) ON search_salons TO catalog_app;
"""


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS fuzzystrmatch")
    op.execute(_REVIEW_COUNTS)
    for statement in (_FORMER, _WORDS, _SALONS, _INDEX, _DOCUMENT, _REFRESH, _TRIGGERS, _GRANTS):
        op.execute(statement)
    op.execute("SELECT refresh_search(id) FROM salons WHERE status = 'live' AND archive_time IS NULL")
