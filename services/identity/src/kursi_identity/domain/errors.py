"""Everything identity refuses, by reason. The reasons are part of the contract."""

from kursi_chassis.errors import (
    AlreadyExists,
    Exhausted,
    FailedPrecondition,
    Invalid,
    NotFound,
    Unauthenticated,
    Unavailable,
)
from kursi_chassis.wording import register_violation_texts

PHONE_NUMBER_MALFORMED = "PHONE_NUMBER_MALFORMED"
PHONE_NUMBER_NOT_MOBILE = "PHONE_NUMBER_NOT_MOBILE"
EMAIL_MALFORMED = "EMAIL_MALFORMED"
CONTACT_AMBIGUOUS = "CONTACT_AMBIGUOUS"
CONTACT_NOT_OWN = "CONTACT_NOT_OWN"
CHANNEL_UNAVAILABLE = "CHANNEL_UNAVAILABLE"
CHANNEL_MISMATCH = "CHANNEL_MISMATCH"

register_violation_texts(
    {
        PHONE_NUMBER_MALFORMED: ("This is not a valid phone number.", "رقم الهاتف غير صحيح."),
        PHONE_NUMBER_NOT_MOBILE: (
            "This number cannot receive text messages. Use a mobile number.",
            "لا يستقبل هذا الرقم الرسائل النصية. استخدم رقم جوال.",
        ),
        EMAIL_MALFORMED: ("This is not a valid e-mail address.", "البريد الإلكتروني غير صحيح."),
        CONTACT_AMBIGUOUS: (
            "Give either a phone number or an e-mail address.",
            "أدخل رقم الهاتف أو البريد الإلكتروني، وليس كليهما.",
        ),
        CONTACT_NOT_OWN: ("This is not your own contact.", "هذه ليست وسيلة التواصل الخاصة بك."),
        CHANNEL_UNAVAILABLE: ("Codes are not sent this way here.", "لا تُرسل الرموز بهذه الطريقة هنا."),
        CHANNEL_MISMATCH: (
            "This channel does not reach this kind of contact.",
            "لا تصل هذه القناة إلى هذا النوع من وسائل التواصل.",
        ),
    }
)


class OtpCooldown(Exhausted):
    """A code was sent to this number or address a moment ago."""

    reason = "OTP_COOLDOWN"
    en = "A code was just sent. Wait a moment before asking for another."
    ar = "أُرسل رمز قبل قليل. انتظر لحظة قبل طلب رمز آخر."


class OtpLimit(Exhausted):
    """Too many codes went to this number or address."""

    reason = "OTP_LIMIT"
    en = "Too many codes were sent to this contact. Try again later."
    ar = "أُرسلت رموز كثيرة إلى وسيلة التواصل هذه. حاول لاحقًا."


class OtpAddressLimit(Exhausted):
    """Too many codes were asked for from one network address."""

    reason = "OTP_ADDRESS_LIMIT"
    en = "Too many codes were requested from your network. Try again later."
    ar = "طُلبت رموز كثيرة من شبكتك. حاول لاحقًا."


class OtpDestinationLimit(Exhausted):
    """The country's ceiling for today is reached: a guard against toll fraud."""

    reason = "OTP_DESTINATION_LIMIT"
    en = "No more codes can be sent to this country today."
    ar = "لا يمكن إرسال رموز أخرى إلى هذا البلد اليوم."


class OtpNotSent(Unavailable):
    """Every provider refused the message; the cooldown was given back."""

    reason = "OTP_NOT_SENT"
    en = "The code could not be sent. Try again."
    ar = "تعذّر إرسال الرمز. حاول مجددًا."


class OtpWrong(Invalid):
    """The code is not the one that was sent. Metadata: `attempts_left`."""

    reason = "OTP_WRONG"
    en = "The code is wrong. Attempts left: {attempts_left}."
    ar = "الرمز غير صحيح. المحاولات المتبقية: {attempts_left}."


class OtpExpired(Invalid):
    """There is no such request, or it has expired, was used, or ran out of attempts."""

    reason = "OTP_EXPIRED"
    en = "The code is no longer valid. Ask for a new one."
    ar = "انتهت صلاحية الرمز. اطلب رمزًا جديدًا."


class ContactTaken(AlreadyExists):
    """The verified number or address belongs to another account."""

    reason = "CONTACT_TAKEN"
    en = "This contact belongs to another account."
    ar = "وسيلة التواصل هذه مرتبطة بحساب آخر."


class StepUpRequired(FailedPrecondition):
    """Adding or replacing a number or an address needs a recent proof that the account's owner is present."""

    reason = "STEP_UP_REQUIRED"
    en = "Confirm that it is you with a new code first."
    ar = "أكّد هويتك برمز جديد أولًا."


class RefreshTokenInvalid(Unauthenticated):
    """The refresh token is unknown or expired, or its session has ended."""

    reason = "REFRESH_TOKEN_INVALID"
    en = "Your session has ended. Sign in again."
    ar = "انتهت جلستك. سجّل الدخول من جديد."


class RefreshTokenReused(Unauthenticated):
    """A spent refresh token came back after its grace: somebody has a copy, so the session was revoked."""

    reason = "REFRESH_TOKEN_REUSED"
    en = "Your session was ended for your safety. Sign in again."
    ar = "أُنهيت جلستك حفاظًا على أمانك. سجّل الدخول من جديد."


class SessionEnded(Unauthenticated):
    """The session that the access token speaks for has ended."""

    reason = "SESSION_ENDED"
    en = "Your session has ended. Sign in again."
    ar = "انتهت جلستك. سجّل الدخول من جديد."


class SessionNotFound(NotFound):
    """The caller has no such live session."""

    reason = "SESSION_NOT_FOUND"
    en = "There is no such session."
    ar = "لا توجد جلسة بهذا المعرّف."


class UserNotFound(NotFound):
    """There is no such user."""

    reason = "USER_NOT_FOUND"
    en = "There is no such user."
    ar = "لا يوجد مستخدم بهذا المعرّف."


class MemberNotFound(NotFound):
    """The salon has no such member or invitation."""

    reason = "MEMBER_NOT_FOUND"
    en = "There is no such member in this salon."
    ar = "لا يوجد عضو بهذا المعرّف في هذا الصالون."


class AlreadyMember(AlreadyExists):
    """The person is in the salon already, or invited to it."""

    reason = "ALREADY_MEMBER"
    en = "This person is already a member of the salon or invited to it."
    ar = "هذا الشخص عضو في الصالون أو مدعو إليه من قبل."


class InvitationNotFound(NotFound):
    """Nothing of that id waits for the caller's number: it never did, was taken back, answered, or has ended."""

    reason = "INVITATION_NOT_FOUND"
    en = "There is no such invitation. It may have been taken back."
    ar = "لا توجد دعوة بهذا المعرّف. ربما سُحبت."


class TooManyInvitations(FailedPrecondition):
    """As many invitations of the salon wait for an answer as may wait."""

    reason = "TOO_MANY_INVITATIONS"
    en = "{limit} invitations of this salon wait for an answer already. Take some back first."
    ar = "هناك {limit} دعوة لهذا الصالون لم يُرد عليها بعد. اسحب بعضها أولًا."


class TooManySalons(FailedPrecondition):
    """The person has a role in as many salons as a token can name."""

    reason = "TOO_MANY_SALONS"
    en = "You have a role in {limit} salons already. Leave one of them first."
    ar = "لديك دور في {limit} صالونًا. غادر أحدها أولًا."


class GuestLimit(Exhausted):
    """The salon has named as many new numbers as it may in a day."""

    reason = "GUEST_LIMIT"
    en = "Your salon has booked {limit} new phone numbers today. Try again later."
    ar = "حجز صالونك لعدد {limit} من الأرقام الجديدة اليوم. حاول لاحقًا."


class LastOwner(FailedPrecondition):
    """The salon would be left without an owner."""

    reason = "LAST_OWNER"
    en = "A salon keeps at least one owner. Appoint another owner first."
    ar = "يجب أن يبقى للصالون مالك واحد على الأقل. عيّن مالكًا آخر أولًا."


class ClientSecretWrong(Unauthenticated):
    """Unknown service, or not its secret."""

    reason = "CLIENT_SECRET_WRONG"
    en = "The client id or secret is wrong."
    ar = "معرّف العميل أو سره غير صحيح."


class ClientSecretLimit(Exhausted):
    """Too many wrong secrets for this client came from this address."""

    reason = "CLIENT_SECRET_LIMIT"
    en = "Too many wrong secrets from this address. Try again in a minute."
    ar = "أسرار خاطئة كثيرة من هذا العنوان. حاول مجددًا بعد دقيقة."
