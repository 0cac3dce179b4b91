"""What can go wrong in the catalog, in terms its callers understand."""

from kursi_chassis.errors import AlreadyExists, Denied, FailedPrecondition, NotFound
from kursi_chassis.wording import register_violation_texts


class SalonNotFound(NotFound):
    """There is no such salon, or the caller may not know of it."""

    reason = "SALON_NOT_FOUND"
    en = "There is no such salon."
    ar = "هذا الصالون غير موجود."


class ServiceNotFound(NotFound):
    """The salon has no such service."""

    reason = "SERVICE_NOT_FOUND"
    en = "The salon has no such service."
    ar = "هذه الخدمة غير موجودة في الصالون."


class StaffNotFound(NotFound):
    """The salon has no such staff member."""

    reason = "STAFF_NOT_FOUND"
    en = "The salon has no such staff member."
    ar = "هذا الموظف غير موجود في الصالون."


class ResourceNotFound(NotFound):
    """The salon has no such resource."""

    reason = "RESOURCE_NOT_FOUND"
    en = "The salon has no such resource."
    ar = "هذا المورد غير موجود في الصالون."


class TimeOffNotFound(NotFound):
    """The staff member has no such time away."""

    reason = "TIME_OFF_NOT_FOUND"
    en = "The staff member has no such time away."
    ar = "هذه الإجازة غير موجودة."


class ClosureNotFound(NotFound):
    """The salon has no such closure."""

    reason = "CLOSURE_NOT_FOUND"
    en = "The salon has no such closure."
    ar = "هذا الإغلاق غير موجود."


class ReviewNotFound(NotFound):
    """The salon has no such review, or the caller may not know of it."""

    reason = "REVIEW_NOT_FOUND"
    en = "The salon has no such review."
    ar = "هذا التقييم غير موجود."


class PhotoNotFound(NotFound):
    """There is no such photo, or the caller may not know of it."""

    reason = "PHOTO_NOT_FOUND"
    en = "There is no such photo."
    ar = "هذه الصورة غير موجودة."


class BookingNotFound(NotFound):
    """There is no such visit in the salon, or it is not the caller's."""

    reason = "BOOKING_NOT_FOUND"
    en = "There is no such booking of yours in this salon."
    ar = "لا يوجد حجز لك بهذا الرقم في هذا الصالون."


class ReviewExists(AlreadyExists):
    """The visit has been reviewed."""

    reason = "REVIEW_EXISTS"
    en = "This visit has been reviewed already."
    ar = "سبق تقييم هذه الزيارة."


class VisitNotCompleted(FailedPrecondition):
    """Only what happened can be reviewed."""

    reason = "VISIT_NOT_COMPLETED"
    en = "A visit can be reviewed once it is completed."
    ar = "يمكن تقييم الزيارة بعد اكتمالها."


class TooLateToEdit(FailedPrecondition):
    """A review can be changed for some time only."""

    reason = "TOO_LATE_TO_EDIT"
    en = "The review could be changed until {deadline}."
    ar = "كان يمكن تعديل التقييم حتى {deadline}."


class ReviewHidden(FailedPrecondition):
    """What the platform took down is not changed, only deleted."""

    reason = "REVIEW_HIDDEN"
    en = "The review was taken down. It can be deleted, not changed."
    ar = "تم حجب التقييم. يمكن حذفه ولا يمكن تعديله."


class OwnSalon(Denied):
    """Members of a salon do not review it."""

    reason = "OWN_SALON"
    en = "Members of a salon cannot review it."
    ar = "لا يمكن لأعضاء الصالون تقييمه."


class SlugTaken(AlreadyExists):
    """Another salon has the short name."""

    reason = "SLUG_TAKEN"
    en = "The short name {slug} is taken."
    ar = "الاسم المختصر {slug} مستخدم."


class SalonArchived(FailedPrecondition):
    """An archived salon is restored before it is changed."""

    reason = "SALON_ARCHIVED"
    en = "The salon is archived. Restore it first."
    ar = "الصالون مؤرشف. استعده أولًا."


class SalonFull(FailedPrecondition):
    """The salon has as many services, staff members or resources as one salon may have, archived ones included."""

    reason = "SALON_FULL"
    en = "A salon can have {most} of these. Change one that is not needed any more instead."
    ar = "الحد الأقصى للصالون الواحد هو {most}. عدّل عنصرًا لم تعد بحاجة إليه بدلًا من إضافة جديد."


class CurrencyInUse(FailedPrecondition):
    """Prices are written in the salon's currency, so it stays once there are any."""

    reason = "CURRENCY_IN_USE"
    en = "The currency cannot change once the salon has services."
    ar = "لا يمكن تغيير العملة بعد إضافة خدمات إلى الصالون."


class LocationRequired(FailedPrecondition):
    """Prayer breaks are computed from the salon's location, and it has none."""

    reason = "LOCATION_REQUIRED"
    en = "Prayer breaks are computed from the salon's location. Set it first."
    ar = "تُحسب أوقات الصلاة من موقع الصالون. حدّد الموقع أولًا."


class LocationInUse(FailedPrecondition):
    """Prayer breaks are computed from the location, so it stays while there are any."""

    reason = "LOCATION_IN_USE"
    en = "Prayer breaks are computed from the location. Switch them off first."
    ar = "تُحسب أوقات الصلاة من هذا الموقع. أوقف استراحات الصلاة أولًا."


class AdminRequired(Denied):
    """Only the platform suspends a salon, and only the platform lifts it."""

    reason = "ADMIN_REQUIRED"
    en = "Only the platform can do this."
    ar = "هذا الإجراء متاح لإدارة المنصة فقط."


register_violation_texts(
    {
        "STARTS_AS_DRAFT": ("A salon starts as a draft.", "يبدأ الصالون كمسودة."),
        "NOT_A_COUNTRY": ("This is not a country code.", "رمز الدولة غير معروف."),
        "NOT_WHOLE_MINUTES": ("Use whole minutes.", "استخدم دقائق كاملة."),
        "NOT_WHOLE_SECONDS": ("Use whole seconds.", "استخدم ثواني كاملة."),
        "OTHER_CURRENCY": ("Prices are in {currency}.", "الأسعار بعملة {currency}."),
        "NOT_SUM_OF_SEGMENTS": (
            "The segments take {total} together.",
            "مجموع مدد الأجزاء {total}.",
        ),
        "NEEDS_ONE_SEGMENT": (
            "Only a service of one segment can take another time per person.",
            "لا يمكن تخصيص المدة لموظف إلا في خدمة من جزء واحد.",
        ),
        "NEEDS_ONE_PERFORMER": (
            "Only a service of one person can take another time per person.",
            "لا يمكن تخصيص المدة لموظف إلا في خدمة يقدمها شخص واحد.",
        ),
        "NEEDS_STAFF": (
            "Several people are needed only where staff is needed.",
            "لا يُحدد عدد الموظفين إلا حيث يلزم وجود موظف.",
        ),
        "KEEPS_NOTHING_BUSY": (
            "One of the segments has to need staff or a resource.",
            "يجب أن يحتاج أحد الأجزاء إلى موظف أو مورد.",
        ),
        "UNKNOWN_STAFF": ("The salon has no such staff member.", "هذا الموظف غير موجود في الصالون."),
        "UNKNOWN_USER": ("There is no such user.", "هذا المستخدم غير موجود."),
        "UNKNOWN_ADD_ON": ("The service has no such add-on.", "هذه الإضافة غير موجودة في الخدمة."),
        "OVERLAPS": ("It overlaps another one.", "يتداخل مع فترة أخرى."),
        "OUTSIDE_OF_SHIFT": ("The break lies outside of its range.", "الاستراحة خارج الفترة."),
        "NOT_TOGETHER": ("Ask for one of the two.", "اطلب أحدهما فقط."),
        "NOT_A_DATE": ("Write the date as YYYY-MM-DD.", "اكتب التاريخ بصيغة YYYY-MM-DD."),
        "NOT_A_TIME": ("Write the time as HH:MM.", "اكتب الوقت بصيغة HH:MM."),
        "TOO_LARGE": ("At most {max} bytes.", "الحد الأقصى {max} بايت."),
        "NOT_A_PHOTO": ("This is not a JPEG, PNG or WebP picture.", "هذه ليست صورة JPEG أو PNG أو WebP."),
        "TOO_MANY_PIXELS": ("At most {max} megapixels.", "الحد الأقصى {max} ميجابكسل."),
        "ANIMATED": ("Moving pictures are not taken.", "الصور المتحركة غير مقبولة."),
        "TRAILING_DATA": ("The file holds more than a picture.", "يحتوي الملف على أكثر من صورة."),
        "NOT_UTF8": ("Save the file as UTF-8.", "احفظ الملف بترميز UTF-8."),
        "NO_HEADER": (
            "The first line names the columns, each once, one of them type.",
            "السطر الأول يذكر أسماء الأعمدة دون تكرار، ومنها type.",
        ),
        "UNKNOWN_COLUMN": ("There is no column {column} here.", "لا يوجد عمود باسم {column} هنا."),
        "CONTRADICTS": (
            "It differs from an earlier row of the same schedule.",
            "يختلف عن صف سابق من الجدول نفسه.",
        ),
        "ARCHIVED": ("It is archived. Restore it first.", "العنصر مؤرشف. استعده أولًا."),
        "SALON_FULL": ("A salon can have {most} of these.", "الحد الأقصى للصالون الواحد هو {most}."),
        "NOT_ALL_PHOTOS": ("Name each of the photos once.", "اذكر كل صورة مرة واحدة."),
        "ONE_SUBJECT": ("Name a service or a staff member, not both.", "اذكر خدمة أو موظفًا، وليس كليهما."),
        "NOT_HTTPS": ("Use an address that begins with https://.", "استخدم رابطًا يبدأ بـ https://."),
    }
)
