"""Objects in a bucket of any store that speaks S3."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import botocore.session  # type: ignore[import-untyped]  # it has no types; the protocol below says what we use
from botocore.config import Config  # type: ignore[import-untyped]  # as above
from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]  # as above
from kursi_chassis.errors import Unavailable
from pydantic import SecretStr

_AGAIN = timedelta(seconds=2)
_GONE = frozenset({"NoSuchKey", "404"})


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where objects are. Without an endpoint it is Amazon's own; without keys those of the environment count."""

    name: str
    region: str
    endpoint: str | None = None
    access_key: str | None = None
    secret_key: SecretStr | None = None


class _Client(Protocol):
    def put_object(self, **request: object) -> object: ...
    def get_object(self, **request: object) -> dict[str, Any]: ...  # Any: an answer of botocore
    def delete_object(self, **request: object) -> object: ...


class S3Store:
    """botocore waits on the network, so it works in threads. Raises: Unavailable whenever the store does not answer."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket.name
        self._client: _Client = botocore.session.get_session().create_client(
            "s3",
            region_name=bucket.region,
            endpoint_url=bucket.endpoint,
            aws_access_key_id=bucket.access_key,
            aws_secret_access_key=bucket.secret_key.get_secret_value() if bucket.secret_key else None,
            config=Config(
                connect_timeout=2,
                read_timeout=5,
                retries={"mode": "standard", "total_max_attempts": 2},
                max_pool_connections=20,
                s3={"addressing_style": "path" if bucket.endpoint else "auto"},
                # Stores besides Amazon's do not all know the newer checksums.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    async def put(self, key: str, content: bytes, content_type: str) -> None:
        await asyncio.to_thread(self._put, key, content, content_type)

    async def get(self, key: str) -> bytes | None:
        return await asyncio.to_thread(self._get, key)

    async def delete(self, key: str) -> None:
        await asyncio.to_thread(self._delete, key)

    def _put(self, key: str, content: bytes, content_type: str) -> None:
        try:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=content, ContentType=content_type)
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(_AGAIN) from error

    def _get(self, key: str) -> bytes | None:
        try:
            body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
            with body:
                return bytes(body.read())
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                return None
            raise Unavailable(_AGAIN) from error
        except BotoCoreError as error:
            raise Unavailable(_AGAIN) from error

    def _delete(self, key: str) -> None:
        try:
            self._client.delete_object(Bucket=self._bucket, Key=key)
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(_AGAIN) from error
