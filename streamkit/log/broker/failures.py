"""Exceptions to error codes: the one place that decides what a client is told about a failure."""

from __future__ import annotations

import logging

from streamkit.errors import (
    BrokerError,
    ConfigError,
    CorruptRecordError,
    ProtocolError,
    StorageError,
)
from streamkit.log.protocol import ErrorCode

__all__ = ["code_of", "message_of", "refusal"]

logger = logging.getLogger(__name__)


def refusal(
    code: ErrorCode, message: str, *, topic_partition: tuple[str, int] | None = None
) -> BrokerError:
    """The error that a handler or a service raises to answer `code`."""
    return BrokerError(
        message, code=code, retriable=code.retriable, topic_partition=topic_partition
    )


def code_of(error: Exception, *, during: str) -> ErrorCode:
    """The code that a client gets for `error`.

    What nobody raised on purpose is a bug of ours: the client gets UNKNOWN_SERVER_ERROR, and the log the
    traceback. Trouble with the disk is logged too.

    Args:
        error: what was raised.
        during: what the broker was doing, for the log.
    """
    match error:
        case BrokerError():
            return ErrorCode(error.code)
        case CorruptRecordError():
            logger.error("%s: %s", during, error)
            return ErrorCode.CORRUPT_MESSAGE
        case StorageError() | OSError():
            logger.error("%s: %s", during, error)
            return ErrorCode.KAFKA_STORAGE_ERROR
        case ConfigError():
            return ErrorCode.INVALID_CONFIG
        case ProtocolError():
            return ErrorCode.INVALID_REQUEST
        case _:
            logger.error("%s failed; this is a bug in streamkit", during, exc_info=error)
            return ErrorCode.UNKNOWN_SERVER_ERROR


def message_of(error: Exception) -> str:
    """What a client is told in words: nothing about our insides."""
    if isinstance(error, BrokerError | StorageError | ConfigError | ProtocolError):
        return str(error)
    return "The server experienced an unexpected error when processing the request."
