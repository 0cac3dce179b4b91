"""Pictures of salons, services and staff; keys by which imported files know things."""

from alembic import op
from kursi_chassis.db import ddl

revision = "0006"
down_revision = "0005"

_PHOTOS = """
CREATE TABLE photos (
    id          uuid        NOT NULL,
    salon_id    uuid        NOT NULL,
    service_id  uuid,
    staff_id    uuid,
    position    smallint    NOT NULL,
    width       integer     NOT NULL,
    height      integer     NOT NULL,
    create_time timestamptz NOT NULL,
    CONSTRAINT photos_pkey PRIMARY KEY (id),
    CONSTRAINT photos_salon_fkey FOREIGN KEY (salon_id) REFERENCES salons (id),
    CONSTRAINT photos_service_fkey FOREIGN KEY (salon_id, service_id) REFERENCES services (salon_id, id),
    CONSTRAINT photos_staff_fkey FOREIGN KEY (salon_id, staff_id) REFERENCES staff_members (salon_id, id),
    CONSTRAINT photos_subject CHECK (num_nonnulls(service_id, staff_id) <= 1),
    CONSTRAINT photos_size CHECK (width BETWEEN 1 AND 1600 AND height BETWEEN 1 AND 1600)
);
CREATE INDEX photos_by_subject ON photos (salon_id, service_id, staff_id, position);
"""

# Objects are stored before their photo is written and deleted after it is gone. Meanwhile, and when a process dies
# between the two, a row here says whose objects have no photo, and when they may be thrown away.
_LEFTOVERS = """
CREATE TABLE photo_leftovers (
    photo_id   uuid        NOT NULL,
    sweep_time timestamptz NOT NULL,
    CONSTRAINT photo_leftovers_pkey PRIMARY KEY (photo_id)
);
CREATE INDEX photo_leftovers_due ON photo_leftovers (sweep_time);
"""

# Things that were never imported are known by their id and have no row here.
_IMPORT_KEYS = """
CREATE TABLE import_keys (
    salon_id uuid NOT NULL,
    kind     text NOT NULL,
    key      text NOT NULL,
    thing_id uuid NOT NULL,
    CONSTRAINT import_keys_pkey PRIMARY KEY (salon_id, kind, key),
    CONSTRAINT import_keys_thing_key UNIQUE (thing_id),
    CONSTRAINT import_keys_salon_fkey FOREIGN KEY (salon_id) REFERENCES salons (id),
    CONSTRAINT import_keys_kind CHECK (kind IN ('staff', 'resource', 'service')),
    CONSTRAINT import_keys_key CHECK (key <> '' AND length(key) <= 100)
);
"""


def upgrade() -> None:
    op.execute(_PHOTOS)
    op.execute(_LEFTOVERS)
    op.execute(_IMPORT_KEYS)
    op.execute(ddl.grants("catalog_app", read_write=["photos", "photo_leftovers", "import_keys"]))
