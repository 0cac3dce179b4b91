"""Salons, services, staff, resources, hours, absences, policies."""

from alembic import op
from kursi_chassis.db import ddl

revision = "0001"
down_revision = None

# Great-circle distance on a sphere of the Earth's mean radius: within 0.6 % of the true one.
_DISTANCE = """
CREATE FUNCTION distance_meters(
    latitude_a double precision, longitude_a double precision,
    latitude_b double precision, longitude_b double precision
) RETURNS double precision
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN 2 * 6371008.8 * asin(least(1, sqrt(
        power(sin(radians(latitude_b - latitude_a) / 2), 2)
        + cos(radians(latitude_a)) * cos(radians(latitude_b))
          * power(sin(radians(longitude_b - longitude_a) / 2), 2))))
"""

# `revision` counts changes of the salon's own fields (its etag). `version` counts every change in the salon, of
# its services, staff, hours and policies too: what booking caches hangs on it. Hours are one document that is
# replaced and read as a whole; the rules among its ranges are those of `domain/hours.py`.
_SALONS = """
CREATE TABLE salons (
    id             uuid             NOT NULL,
    slug           text             NOT NULL,
    names          jsonb            NOT NULL,
    descriptions   jsonb            NOT NULL DEFAULT '{}',
    address        text             NOT NULL DEFAULT '',
    city           text             NOT NULL DEFAULT '',
    territory_code text             NOT NULL DEFAULT '',
    latitude       double precision,
    longitude      double precision,
    phone_number   text             NOT NULL DEFAULT '',
    time_zone      text             NOT NULL,
    currency_code  text             NOT NULL,
    serves         text             NOT NULL,
    amenities      text[]           NOT NULL DEFAULT '{}',
    status         text             NOT NULL,
    archive_time   timestamptz,
    create_time    timestamptz      NOT NULL,
    update_time    timestamptz      NOT NULL,
    revision       bigint           NOT NULL DEFAULT 1,
    version        bigint           NOT NULL DEFAULT 0,
    hours          jsonb            NOT NULL DEFAULT '[]',
    hours_revision bigint           NOT NULL DEFAULT 0,
    name_text      text             NOT NULL DEFAULT '',
    search_text    text             NOT NULL DEFAULT '',
    CONSTRAINT salons_pkey PRIMARY KEY (id),
    CONSTRAINT salons_slug_key UNIQUE (slug),
    CONSTRAINT salons_currency_key UNIQUE (id, currency_code),
    CONSTRAINT salons_slug CHECK (slug ~ '^[a-z0-9-]{3,60}$'),
    CONSTRAINT salons_names CHECK (jsonb_typeof(names) = 'object' AND names <> '{}'),
    CONSTRAINT salons_descriptions CHECK (jsonb_typeof(descriptions) = 'object'),
    CONSTRAINT salons_territory CHECK (territory_code ~ '^([A-Z]{2})?$'),
    CONSTRAINT salons_time_zone CHECK (time_zone <> ''),
    CONSTRAINT salons_currency CHECK (currency_code ~ '^[A-Z]{3}$'),
    CONSTRAINT salons_serves CHECK (serves IN ('everybody', 'women', 'men', 'families')),
    CONSTRAINT salons_status CHECK (status IN ('draft', 'live', 'suspended')),
    CONSTRAINT salons_amenities CHECK (cardinality(amenities) <= 30),
    CONSTRAINT salons_location CHECK ((latitude IS NULL) = (longitude IS NULL)),
    CONSTRAINT salons_latitude CHECK (latitude BETWEEN -90 AND 90),
    CONSTRAINT salons_longitude CHECK (longitude BETWEEN -180 AND 180),
    CONSTRAINT salons_hours CHECK (jsonb_typeof(hours) = 'array' AND jsonb_array_length(hours) <= 50)
);
CREATE INDEX salons_search_text ON salons USING gin (search_text gin_trgm_ops)
    WHERE status = 'live' AND archive_time IS NULL;
CREATE INDEX salons_location ON salons (latitude, longitude)
    WHERE status = 'live' AND archive_time IS NULL AND latitude IS NOT NULL;
CREATE INDEX salons_city ON salons (fold_text(city), id) WHERE status = 'live' AND archive_time IS NULL;
"""

# The foreign key over (salon, currency) is the rule that prices are in the salon's currency, and that the
# currency cannot change once there are services.
_SERVICES = """
CREATE TABLE services (
    id                    uuid        NOT NULL,
    salon_id              uuid        NOT NULL,
    category              text        NOT NULL DEFAULT '',
    names                 jsonb       NOT NULL,
    descriptions          jsonb       NOT NULL DEFAULT '{}',
    duration_minutes      integer     NOT NULL,
    buffer_before_minutes integer     NOT NULL DEFAULT 0,
    buffer_after_minutes  integer     NOT NULL DEFAULT 0,
    currency_code         text        NOT NULL,
    price_minor           bigint      NOT NULL,
    segments              jsonb       NOT NULL DEFAULT '[]',
    add_ons               jsonb       NOT NULL DEFAULT '[]',
    place                 text        NOT NULL,
    meeting_link          text        NOT NULL DEFAULT '',
    active                boolean     NOT NULL,
    archive_time          timestamptz,
    create_time           timestamptz NOT NULL,
    update_time           timestamptz NOT NULL,
    revision              bigint      NOT NULL DEFAULT 1,
    CONSTRAINT services_pkey PRIMARY KEY (id),
    CONSTRAINT services_salon_key UNIQUE (salon_id, id),
    CONSTRAINT services_currency_fkey FOREIGN KEY (salon_id, currency_code)
        REFERENCES salons (id, currency_code),
    CONSTRAINT services_names CHECK (jsonb_typeof(names) = 'object' AND names <> '{}'),
    CONSTRAINT services_descriptions CHECK (jsonb_typeof(descriptions) = 'object'),
    CONSTRAINT services_duration CHECK (duration_minutes BETWEEN 1 AND 1440),
    CONSTRAINT services_buffer_before CHECK (buffer_before_minutes BETWEEN 0 AND 240),
    CONSTRAINT services_buffer_after CHECK (buffer_after_minutes BETWEEN 0 AND 240),
    CONSTRAINT services_price CHECK (price_minor >= 0),
    CONSTRAINT services_segments CHECK (jsonb_typeof(segments) = 'array' AND jsonb_array_length(segments) <= 8),
    CONSTRAINT services_add_ons CHECK (jsonb_typeof(add_ons) = 'array' AND jsonb_array_length(add_ons) <= 20),
    CONSTRAINT services_place CHECK (place IN ('in_salon', 'at_customer', 'online')),
    CONSTRAINT services_meeting_link CHECK (meeting_link = '' OR meeting_link LIKE 'https\\://%')
);
CREATE INDEX services_category ON services (salon_id, fold_text(category))
    WHERE active AND archive_time IS NULL;
"""

_STAFF = """
CREATE TABLE staff_members (
    id                    uuid        NOT NULL,
    salon_id              uuid        NOT NULL,
    user_id               uuid,
    display_names         jsonb       NOT NULL,
    bios                  jsonb       NOT NULL DEFAULT '{}',
    color                 text        NOT NULL DEFAULT '',
    bookable_online       boolean     NOT NULL,
    archive_time          timestamptz,
    create_time           timestamptz NOT NULL,
    update_time           timestamptz NOT NULL,
    revision              bigint      NOT NULL DEFAULT 1,
    version               bigint      NOT NULL DEFAULT 0,
    schedules             jsonb       NOT NULL DEFAULT '[]',
    overrides             jsonb       NOT NULL DEFAULT '[]',
    availability_revision bigint      NOT NULL DEFAULT 0,
    CONSTRAINT staff_members_pkey PRIMARY KEY (id),
    CONSTRAINT staff_members_salon_key UNIQUE (salon_id, id),
    CONSTRAINT staff_members_salon_fkey FOREIGN KEY (salon_id) REFERENCES salons (id),
    CONSTRAINT staff_members_names CHECK (jsonb_typeof(display_names) = 'object' AND display_names <> '{}'),
    CONSTRAINT staff_members_bios CHECK (jsonb_typeof(bios) = 'object'),
    CONSTRAINT staff_members_color CHECK (color ~ '^(#[0-9A-Fa-f]{6})?$'),
    CONSTRAINT staff_members_schedules
        CHECK (jsonb_typeof(schedules) = 'array' AND jsonb_array_length(schedules) <= 12),
    CONSTRAINT staff_members_overrides
        CHECK (jsonb_typeof(overrides) = 'array' AND jsonb_array_length(overrides) <= 400)
);
"""

_PERFORMERS = """
CREATE TABLE service_performers (
    salon_id         uuid     NOT NULL,
    service_id       uuid     NOT NULL,
    staff_id         uuid     NOT NULL,
    position         smallint NOT NULL,
    price_minor      bigint,
    duration_minutes integer,
    CONSTRAINT service_performers_pkey PRIMARY KEY (service_id, staff_id),
    CONSTRAINT service_performers_service_fkey FOREIGN KEY (salon_id, service_id)
        REFERENCES services (salon_id, id),
    CONSTRAINT service_performers_staff_fkey FOREIGN KEY (salon_id, staff_id)
        REFERENCES staff_members (salon_id, id),
    CONSTRAINT service_performers_price CHECK (price_minor >= 0),
    CONSTRAINT service_performers_duration CHECK (duration_minutes BETWEEN 1 AND 1440),
    CONSTRAINT service_performers_position CHECK (position BETWEEN 0 AND 199)
);
CREATE INDEX service_performers_by_staff ON service_performers (staff_id, service_id);
"""

_RESOURCES = """
CREATE TABLE resources (
    id           uuid        NOT NULL,
    salon_id     uuid        NOT NULL,
    kind         text        NOT NULL,
    names        jsonb       NOT NULL DEFAULT '{}',
    archive_time timestamptz,
    create_time  timestamptz NOT NULL,
    update_time  timestamptz NOT NULL,
    revision     bigint      NOT NULL DEFAULT 1,
    CONSTRAINT resources_pkey PRIMARY KEY (id),
    CONSTRAINT resources_salon_key UNIQUE (salon_id, id),
    CONSTRAINT resources_salon_fkey FOREIGN KEY (salon_id) REFERENCES salons (id),
    CONSTRAINT resources_kind CHECK (kind ~ '^[a-z0-9-]{1,40}$'),
    CONSTRAINT resources_names CHECK (jsonb_typeof(names) = 'object')
);
"""

_ABSENCES = """
CREATE TABLE time_off (
    id         uuid        NOT NULL,
    salon_id   uuid        NOT NULL,
    staff_id   uuid        NOT NULL,
    start_time timestamptz NOT NULL,
    end_time   timestamptz NOT NULL,
    reason     text        NOT NULL DEFAULT '',
    CONSTRAINT time_off_pkey PRIMARY KEY (id),
    CONSTRAINT time_off_staff_fkey FOREIGN KEY (salon_id, staff_id) REFERENCES staff_members (salon_id, id),
    CONSTRAINT time_off_range CHECK (end_time > start_time),
    CONSTRAINT time_off_length CHECK (end_time - start_time <= interval '400 days')
);
CREATE INDEX time_off_by_staff ON time_off (staff_id, start_time, id);
CREATE TABLE closures (
    id         uuid        NOT NULL,
    salon_id   uuid        NOT NULL,
    start_time timestamptz NOT NULL,
    end_time   timestamptz NOT NULL,
    reasons    jsonb       NOT NULL DEFAULT '{}',
    CONSTRAINT closures_pkey PRIMARY KEY (id),
    CONSTRAINT closures_salon_fkey FOREIGN KEY (salon_id) REFERENCES salons (id),
    CONSTRAINT closures_range CHECK (end_time > start_time),
    CONSTRAINT closures_length CHECK (end_time - start_time <= interval '400 days'),
    CONSTRAINT closures_reasons CHECK (jsonb_typeof(reasons) = 'object')
);
CREATE INDEX closures_by_salon ON closures (salon_id, start_time, id);
"""

# One row per level that decides something for itself; NULL falls back to the level above. The salon's own level
# has no service, and NULLS NOT DISTINCT keeps it to one row too.
_POLICIES = """
CREATE TABLE policies (
    salon_id                           uuid    NOT NULL,
    service_id                         uuid,
    slot_step_seconds                  integer,
    minimum_notice_seconds             integer,
    maximum_ahead_seconds              integer,
    cancellation_window_seconds        integer,
    reschedule_window_seconds          integer,
    hold_seconds                       integer,
    automatic_confirmation             boolean,
    prepayment                         text,
    deposit_basis_points               integer,
    late_cancellation_fee_basis_points integer,
    no_show_fee_basis_points           integer,
    maximum_active_bookings            integer,
    texts                              jsonb,
    revision                           bigint  NOT NULL DEFAULT 1,
    CONSTRAINT policies_key UNIQUE NULLS NOT DISTINCT (salon_id, service_id),
    CONSTRAINT policies_salon_fkey FOREIGN KEY (salon_id) REFERENCES salons (id),
    CONSTRAINT policies_service_fkey FOREIGN KEY (salon_id, service_id) REFERENCES services (salon_id, id),
    CONSTRAINT policies_slot_step CHECK (slot_step_seconds BETWEEN 300 AND 14400),
    CONSTRAINT policies_minimum_notice CHECK (minimum_notice_seconds BETWEEN 0 AND 2592000),
    CONSTRAINT policies_maximum_ahead CHECK (maximum_ahead_seconds BETWEEN 86400 AND 34560000),
    CONSTRAINT policies_cancellation_window CHECK (cancellation_window_seconds BETWEEN 0 AND 2592000),
    CONSTRAINT policies_reschedule_window CHECK (reschedule_window_seconds BETWEEN 0 AND 2592000),
    CONSTRAINT policies_hold CHECK (hold_seconds BETWEEN 120 AND 7200),
    CONSTRAINT policies_prepayment CHECK (prepayment IN ('none', 'deposit', 'full')),
    CONSTRAINT policies_deposit CHECK (deposit_basis_points BETWEEN 0 AND 10000),
    CONSTRAINT policies_late_fee CHECK (late_cancellation_fee_basis_points BETWEEN 0 AND 10000),
    CONSTRAINT policies_no_show_fee CHECK (no_show_fee_basis_points BETWEEN 0 AND 10000),
    CONSTRAINT policies_active_bookings CHECK (maximum_active_bookings BETWEEN 1 AND 100)
);
"""

_READ_WRITE = (
    "salons", "services", "staff_members", "service_performers", "resources", "time_off", "closures", "policies",
    "outbox", "replies",
)  # fmt: skip


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    for statement in (
        ddl.FOLD_TEXT_V1,
        ddl.SEARCH_KEY_V1,
        _DISTANCE,
        _SALONS,
        _SERVICES,
        _STAFF,
        _PERFORMERS,
        _RESOURCES,
    ):
        op.execute(statement)
    for statement in (_ABSENCES, _POLICIES, ddl.OUTBOX_V1, ddl.REPLIES_V1, ddl.AUDIT_V1):
        op.execute(statement)
    op.execute(ddl.grants("catalog_app", read_write=_READ_WRITE, append_only=["audit"]))
