"""What can be refused about recurring visits."""

from collections.abc import Sequence
from datetime import UTC

from kursi_chassis.errors import FailedPrecondition, NotFound

from kursi_booking.domain.series import LeftOut


class SeriesNotFound(NotFound):
    """There is no such series, or it is none of the caller's business."""

    reason = "SERIES_NOT_FOUND"
    en = "This series of bookings was not found."
    ar = "لم يُعثر على هذه السلسلة من الحجوزات."


class SeriesDoesNotFit(FailedPrecondition):
    """A date does not fit and all were wanted, or none fits."""

    reason = "SERIES_DOES_NOT_FIT"
    en = "{count} of the dates cannot be booked."
    ar = "عدد المواعيد التي لا يمكن حجزها: {count}."

    def __init__(self, refused: Sequence[LeftOut]) -> None:
        starts = ",".join(
            f"{one.start.astimezone(UTC).isoformat().replace('+00:00', 'Z')}={one.reason}" for one in refused
        )
        super().__init__(count=len(refused), refused=starts)


class SeriesPrepaymentRequired(FailedPrecondition):
    """A visit is to be paid before it counts, so it is booked by itself."""

    reason = "PREPAYMENT_REQUIRED"
    en = "These services are paid in advance, so each visit is booked by itself."
    ar = "تُدفع هذه الخدمات مقدمًا، لذلك تُحجز كل زيارة على حدة."
