"""Results into answers."""

import json
from collections.abc import Sequence

from google.api import httpbody_pb2
from kursi.identity.v1 import identity_pb2
from kursi.identity.v1 import identity_service_pb2 as pb2
from kursi.identity.v1 import membership_service_pb2 as membership_pb2
from kursi_chassis.caller import Caller, Role
from kursi_chassis.grpc.etag import etag_of
from kursi_chassis.grpc.times import duration, timestamp

from kursi_identity.domain import session as sessions
from kursi_identity.domain.guest import Contact
from kursi_identity.domain.keys import ALGORITHM
from kursi_identity.domain.member import INVITATION_LASTS, Member, MemberState, MemberView
from kursi_identity.domain.phone import masked
from kursi_identity.domain.user import User
from kursi_identity.usecases.issuing import Tokens
from kursi_identity.usecases.request_otp import CodeTicket
from kursi_identity.usecases.service_tokens import ServiceGrant

_ROLES = {
    Role.STAFF: identity_pb2.Member.STAFF,
    Role.MANAGER: identity_pb2.Member.MANAGER,
    Role.OWNER: identity_pb2.Member.OWNER,
}


def ticket(result: CodeTicket) -> pb2.RequestOtpResponse:
    """A code is on its way."""
    return pb2.RequestOtpResponse(
        request_id=str(result.request_id),
        expires_at=timestamp(result.expires_at),
        resend_after=duration(result.resend_after),
    )


def tokens(result: Tokens) -> pb2.TokenPair:
    """Proof of who the caller is."""
    pair = pb2.TokenPair(
        access_token=result.access_token,
        access_token_expires_at=timestamp(result.access_expires_at),
        user=user(result.user),
        registered=result.registered,
    )
    if result.refresh is not None:
        pair.refresh_token = result.refresh.token
        pair.refresh_token_expires_at.CopyFrom(timestamp(result.refresh.expires_at))
    return pair


def user(result: User) -> identity_pb2.User:
    """An account."""
    return identity_pb2.User(
        id=str(result.id),
        phone_number=result.phone_number or "",
        email=result.email or "",
        display_name=result.display_name,
        language_code=result.language_code,
        time_zone=result.time_zone,
        create_time=timestamp(result.created_at),
        update_time=timestamp(result.updated_at),
        etag=etag_of(result.revision),
    )


def contact(result: Contact) -> pb2.Contact:
    """How to reach a person."""
    return pb2.Contact(
        user_id=str(result.id),
        phone_number=result.phone_number or "",
        email=result.email or "",
        display_name=result.display_name,
        language_code=result.language_code,
        time_zone=result.time_zone,
    )


def session_list(results: Sequence[sessions.Session], caller: Caller) -> pb2.ListSessionsResponse:
    """The caller's devices."""
    return pb2.ListSessionsResponse(
        sessions=[
            identity_pb2.Session(
                id=str(session.id),
                device_label=session.device_label,
                create_time=timestamp(session.created_at),
                last_use_time=timestamp(session.last_used_at),
                expire_time=timestamp(session.expires_at),
                current=session.id == caller.session_id,
            )
            for session in results
        ]
    )


def membership(result: Member) -> membership_pb2.Membership:
    """The caller's role in a salon."""
    return membership_pb2.Membership(
        salon_id=str(result.salon_id), role=_ROLES[result.role], create_time=timestamp(result.created_at)
    )


def invitation(result: Member) -> membership_pb2.Invitation:
    """An invitation of the caller's."""
    return membership_pb2.Invitation(
        id=str(result.id),
        salon_id=str(result.salon_id),
        role=_ROLES[result.role],
        create_time=timestamp(result.created_at),
        expire_time=timestamp(result.created_at + INVITATION_LASTS),
    )


def member(view: MemberView) -> identity_pb2.Member:
    """A member or an invitation, the number masked."""
    active = view.member.state is MemberState.ACTIVE
    return identity_pb2.Member(
        id=str(view.member.id),
        salon_id=str(view.member.salon_id),
        user_id=str(view.member.user_id or ""),
        display_name=view.display_name,
        masked_phone_number=masked(view.phone_number) if view.phone_number else "",
        role=_ROLES[view.member.role],
        state=identity_pb2.Member.ACTIVE if active else identity_pb2.Member.INVITED,
        create_time=timestamp(view.member.created_at),
    )


def member_bytes(view: MemberView) -> bytes:
    """The same as it is kept for a repetition."""
    return member(view).SerializeToString(deterministic=True)


def service_token(result: ServiceGrant) -> pb2.ServiceToken:
    """A service's own token."""
    return pb2.ServiceToken(access_token=result.token, expires_at=timestamp(result.expires_at))


def json_body(document: bytes) -> httpbody_pb2.HttpBody:
    """A document that the gateway hands out as it is."""
    return httpbody_pb2.HttpBody(content_type="application/json", data=document)


def discovery(issuer: str) -> bytes:
    """What a stock client needs to verify our tokens (OpenID Connect Discovery 1.0, the parts we have)."""
    return json.dumps(
        {
            "issuer": issuer,
            "jwks_uri": f"{issuer}/.well-known/jwks.json",
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "claims_supported": [
                "aud", "auth_time", "exp", "iat", "iss", "jti", "locale", "roles", "salons", "sid", "sub",
            ],
        }
    ).encode()  # fmt: skip
