"""What customers say of their visits."""

from alembic import op
from kursi_chassis.db import ddl

revision = "0005"
down_revision = "0004"

# A deleted review keeps its row without words: a visit is reviewed once. The salon's count and sum (0003) are those of
# its published reviews.
_REVIEWS = """
CREATE TABLE reviews (
    id            uuid        NOT NULL,
    salon_id      uuid        NOT NULL,
    booking_id    uuid        NOT NULL,
    author_id     uuid        NOT NULL,
    service_ids   uuid[]      NOT NULL,
    staff_ids     uuid[]      NOT NULL,
    rating        smallint    NOT NULL,
    text          text        NOT NULL DEFAULT '',
    state         text        NOT NULL,
    hidden_reason text        NOT NULL DEFAULT '',
    reply_text    text,
    reply_time    timestamptz,
    revision      bigint      NOT NULL DEFAULT 1,
    create_time   timestamptz NOT NULL,
    update_time   timestamptz NOT NULL,
    CONSTRAINT reviews_pkey PRIMARY KEY (id),
    CONSTRAINT reviews_booking_key UNIQUE (booking_id),
    CONSTRAINT reviews_salon_fkey FOREIGN KEY (salon_id) REFERENCES salons (id),
    CONSTRAINT reviews_rating CHECK (rating BETWEEN 1 AND 5),
    CONSTRAINT reviews_text CHECK (length(text) <= 2000),
    CONSTRAINT reviews_state CHECK (state IN ('published', 'hidden', 'deleted')),
    CONSTRAINT reviews_hidden_reason CHECK ((state = 'hidden') = (hidden_reason <> '')),
    CONSTRAINT reviews_deleted CHECK (state <> 'deleted' OR (text = '' AND reply_text IS NULL)),
    CONSTRAINT reviews_reply CHECK ((reply_text IS NULL) = (reply_time IS NULL) AND reply_text <> '')
);
CREATE INDEX reviews_newest ON reviews (salon_id, id) WHERE state = 'published';
CREATE INDEX reviews_highest ON reviews (salon_id, rating, id) WHERE state = 'published';
CREATE INDEX reviews_lowest ON reviews (salon_id, (-rating), id) WHERE state = 'published';
"""

# A person's report counts once, also after it was settled: the same person does not bring the same review up again.
_REPORTS = """
CREATE TABLE review_reports (
    review_id   uuid        NOT NULL,
    reporter_id uuid        NOT NULL,
    reason      text        NOT NULL,
    create_time timestamptz NOT NULL,
    settle_time timestamptz,
    CONSTRAINT review_reports_pkey PRIMARY KEY (review_id, reporter_id),
    CONSTRAINT review_reports_review_fkey FOREIGN KEY (review_id) REFERENCES reviews (id),
    CONSTRAINT review_reports_reason CHECK (reason <> '' AND length(reason) <= 500)
);
CREATE INDEX review_reports_waiting ON review_reports (review_id, create_time) WHERE settle_time IS NULL;
"""


def upgrade() -> None:
    op.execute(_REVIEWS)
    op.execute(_REPORTS)
    op.execute(ddl.grants("catalog_app", read_write=["reviews", "review_reports"]))
