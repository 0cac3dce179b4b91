"""Requests into commands: everything that is wrong with a request is found here."""

from uuid import UUID

from google.protobuf.message import Message
from kursi.identity.v1 import identity_pb2
from kursi.identity.v1 import identity_service_pb2 as pb2
from kursi.identity.v1 import membership_service_pb2 as membership_pb2
from kursi_chassis.caller import Role
from kursi_chassis.grpc.fieldmask import paths_to_write
from kursi_chassis.idempotency import fingerprint
from kursi_chassis.validation import Violations

from kursi_identity.domain.email import read_email
from kursi_identity.domain.errors import CHANNEL_MISMATCH, CONTACT_AMBIGUOUS
from kursi_identity.domain.otp import Channel, Purpose, read_code
from kursi_identity.domain.phone import is_region, read_mobile
from kursi_identity.domain.user import LONGEST_NAME, Profile, read_profile
from kursi_identity.usecases.guests import WhomToBook
from kursi_identity.usecases.members import Invite
from kursi_identity.usecases.profile import ChangeProfile
from kursi_identity.usecases.request_otp import AskForCode
from kursi_identity.usecases.verify_otp import UseCode

MOST_CONTACTS = 500
_LONGEST_TOKEN = 256

_Asked = pb2.RequestOtpRequest
_CHANNELS = {_Asked.SMS: Channel.SMS, _Asked.WHATSAPP: Channel.WHATSAPP, _Asked.EMAIL: Channel.EMAIL}
_PURPOSES = {
    _Asked.PURPOSE_UNSPECIFIED: Purpose.AUTH,
    _Asked.AUTH: Purpose.AUTH,
    _Asked.VERIFY: Purpose.VERIFY,
    _Asked.STEP_UP: Purpose.STEP_UP,
}
_ROLES = {
    identity_pb2.Member.STAFF: Role.STAFF,
    identity_pb2.Member.MANAGER: Role.MANAGER,
    identity_pb2.Member.OWNER: Role.OWNER,
}


def ask_for_code(request: pb2.RequestOtpRequest, default_region: str) -> AskForCode:
    """Exactly one contact, and a channel that fits it; STEP_UP may leave the contact out."""
    with Violations() as check:
        purpose = _PURPOSES.get(request.purpose)
        if purpose is None:
            check.add("purpose", "UNKNOWN_VALUE")
        has_both = bool(request.phone_number and request.email)
        is_mail = bool(request.email) and not has_both
        if has_both:
            check.add("email", CONTACT_AMBIGUOUS)
        destination = ""
        if is_mail:
            destination = read_email(check, "email", request.email)
        elif request.phone_number or purpose is not Purpose.STEP_UP:
            destination = read_mobile(check, "phone_number", request.phone_number, default_region)
        elif request.channel == _Asked.EMAIL:
            is_mail = True
        channel = _channel(check, request, is_mail=is_mail)
    return AskForCode(purpose or Purpose.AUTH, channel, destination)


def use_code(request: pb2.VerifyOtpRequest) -> UseCode:
    """A code as it was typed."""
    with Violations() as check:
        request_id = check.id("request_id", request.request_id)
        code = read_code(request.code)
        if not code:
            check.add("code", "MALFORMED")
        device_label = check.text("device_label", request.device_label, max_length=LONGEST_NAME)
        profile = _profile(check, "profile", request.profile)
    return UseCode(request_id, code, device_label, profile)


def refresh_token(value: str) -> str:
    """An opaque token; whatever cannot be one is merely unknown."""
    return value[:_LONGEST_TOKEN]


def change_profile(request: pb2.UpdateMeRequest) -> ChangeProfile:
    """The fields to change and their new values."""
    paths = paths_to_write(request.user, request.update_mask)
    with Violations() as check:
        profile = _profile(check, "user", request.user)
        if "language_code" in paths:
            check.require("user.language_code", request.user.language_code)
    return ChangeProfile(profile, paths, request.user.etag)


def session_id(request: pb2.RevokeSessionRequest) -> UUID:
    """The session to end."""
    with Violations() as check:
        return check.id("session_id", request.session_id)


def invite(request: pb2.InviteMemberRequest, default_region: str) -> Invite:
    """An invitation."""
    with Violations() as check:
        salon_id = check.id("salon_id", request.salon_id)
        phone_number = read_mobile(check, "phone_number", request.phone_number, default_region)
        role = _role(check, request.role)
    return Invite(salon_id, phone_number, role, request.request_id, _fingerprint(request))


def change_role(request: pb2.UpdateMemberRequest) -> tuple[UUID, UUID, Role]:
    """Salon, member, new role."""
    with Violations() as check:
        return (
            check.id("salon_id", request.salon_id),
            check.id("member_id", request.member_id),
            _role(check, request.role),
        )


def remove_member(request: pb2.RemoveMemberRequest) -> tuple[UUID, UUID]:
    """Salon, member."""
    with Violations() as check:
        return check.id("salon_id", request.salon_id), check.id("member_id", request.member_id)


def salon_id(request: pb2.ListMembersRequest | membership_pb2.LeaveSalonRequest) -> UUID:
    """The salon."""
    with Violations() as check:
        return check.id("salon_id", request.salon_id)


def invitation_id(
    request: membership_pb2.AcceptInvitationRequest | membership_pb2.DeclineInvitationRequest,
) -> UUID:
    """The invitation to answer."""
    with Violations() as check:
        return check.id("invitation_id", request.invitation_id)


def whom_to_book(request: pb2.EnsureGuestRequest, default_region: str, language: str) -> WhomToBook:
    """The customer that a salon means, by number. `language` is for a guest of whom none is named, `default_region` for a
    salon in a country that has no numbers of its own.
    """
    with Violations() as check:
        salon_id = check.id("salon_id", request.salon_id)
        region = request.territory_code if is_region(request.territory_code) else default_region
        phone_number = read_mobile(check, "phone_number", request.phone_number, region)
        if request.language_code:
            language = check.language("language_code", request.language_code)
    return WhomToBook(salon_id, phone_number, language)


def grant(request: pb2.GrantMembershipRequest) -> tuple[UUID, UUID, Role]:
    """Salon, user, role."""
    with Violations() as check:
        return (
            check.id("salon_id", request.salon_id),
            check.id("user_id", request.user_id),
            _role(check, request.role),
        )


def salon_members(request: pb2.ListSalonMembersRequest) -> tuple[UUID, Role]:
    """Salon, least role."""
    with Violations() as check:
        least = Role.STAFF
        if request.min_role != identity_pb2.Member.ROLE_UNSPECIFIED:
            least = _role(check, request.min_role, "min_role")
        return check.id("salon_id", request.salon_id), least


def user_ids(request: pb2.BatchGetContactsRequest) -> list[UUID]:
    """1 to 500 users."""
    with Violations() as check:
        return check.ids("user_ids", request.user_ids, MOST_CONTACTS)


def user_id(request: pb2.GetUserRequest) -> UUID:
    """One user."""
    with Violations() as check:
        return check.id("user_id", request.user_id)


def _channel(check: Violations, request: pb2.RequestOtpRequest, *, is_mail: bool) -> Channel:
    usual = Channel.EMAIL if is_mail else Channel.SMS
    if request.channel == _Asked.CHANNEL_UNSPECIFIED:
        return usual
    channel = _CHANNELS.get(request.channel)
    if channel is None:
        check.add("channel", "UNKNOWN_VALUE")
        return usual
    if (channel is Channel.EMAIL) is not is_mail:
        check.add("channel", CHANNEL_MISMATCH)
    return channel


def _profile(check: Violations, prefix: str, user: identity_pb2.User) -> Profile:
    return read_profile(
        check,
        prefix,
        display_name=user.display_name,
        language_code=user.language_code,
        time_zone=user.time_zone,
    )


def _role(check: Violations, value: identity_pb2.Member.Role.ValueType, field: str = "role") -> Role:
    role = _ROLES.get(value)
    if role is None:
        check.add(field, "UNKNOWN_VALUE")
    return role or Role.STAFF


def _fingerprint(request: Message) -> bytes:
    return fingerprint(request.SerializeToString(deterministic=True))
