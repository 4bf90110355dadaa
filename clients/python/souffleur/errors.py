"""What ends a stream, or refuses a call: a code to decide by and a sentence to show."""

from __future__ import annotations


class ClientError(Exception):
    """`code` is one of the server's, or `connection`, `lost`, `closed`, `mixed`, `too_long`, `buffer_full`, `unread`, `token`."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        field: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        #: Which setting the server is speaking of.
        self.field = field
        #: Seconds after which the server would be asked again.
        self.retry_after = retry_after
