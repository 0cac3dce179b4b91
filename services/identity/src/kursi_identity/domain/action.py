"""What the audit trail of identity tells of."""

from enum import StrEnum


class Action(StrEnum):
    """What is written down."""

    CODE_REQUESTED = "code_requested"
    CODE_NOT_SENT = "code_not_sent"
    CODE_WRONG = "code_wrong"
    CLIENT_SECRET_WRONG = "client_secret_wrong"  # noqa: S105 -- what happened, not a secret
    USER_REGISTERED = "user_registered"
    USER_UPDATED = "user_updated"
    CONTACT_VERIFIED = "contact_verified"
    LOGGED_IN = "logged_in"
    STEPPED_UP = "stepped_up"
    SESSION_REVOKED = "session_revoked"
    REFRESH_TOKEN_REUSED = "refresh_token_reused"  # noqa: S105 -- what happened, not a secret
    MEMBER_INVITED = "member_invited"
    MEMBER_GRANTED = "member_granted"
    MEMBER_ROLE_CHANGED = "member_role_changed"
    MEMBER_REMOVED = "member_removed"
    INVITATION_DECLINED = "invitation_declined"
    GUEST_MADE = "guest_made"
    GUEST_JOINED = "guest_joined"
    SIGNING_KEY_ROTATED = "signing_key_rotated"
