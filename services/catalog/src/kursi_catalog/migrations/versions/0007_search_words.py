"""Search reads past emoji."""

from alembic import op

revision = "0007"
down_revision = "0006"

# As before, but that emoji part words and are none: keyboards offer them behind everything that is typed, and no salon
# would fit.
_WORDS = r"""
CREATE OR REPLACE FUNCTION search_words(original text) RETURNS TABLE (word text, number bigint)
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT left(part.word, 40), part.number
    FROM regexp_split_to_table(
        search_key(regexp_replace(
            regexp_replace(fold_text(original), '[''\u2019\u02BC`]', '', 'g'),
            '(^|[^\u0621-\u06D2])(وال|بال|فال|كال|لل|ال)(?=[\u0621-\u06D2]{3})', '\1', 'g')),
        '[\s\u0021-\u002F\u003A-\u0040\u005B-\u0060\u007B-\u00BF\u060C\u061B\u061F\u066A-\u066D\u06D4\u2000-\u206F\u3000-\u303F'
        || '\u20E3\u2190-\u2BFF\uFE0E\uFE0F\U0001F000-\U0001FAFF]+'
    ) WITH ORDINALITY AS part (word, number)
    WHERE part.word <> '';
END
"""


def upgrade() -> None:
    op.execute(_WORDS)
    op.execute("SELECT refresh_search(id) FROM salons WHERE status = 'live' AND archive_time IS NULL")
