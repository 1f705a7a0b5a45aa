"""The metadata quorum of one node: it can't change, and says so as Apache Kafka with a fixed quorum does."""

from __future__ import annotations

from streamkit.log.protocol import ErrorCode

__all__ = ["why_voters_stay"]


def why_voters_stay(
    cluster_id: str, asked_cluster_id: str | None, voter_id: int, operation: str
) -> tuple[ErrorCode, str]:
    """Error and message for who wants to add or remove a voter.

    Args:
        cluster_id: this cluster's.
        asked_cluster_id: the one in the request; None: whichever.
        voter_id: the voter's node.
        operation: what is asked, for the message.
    """
    if asked_cluster_id is not None and asked_cluster_id != cluster_id:
        return (
            ErrorCode.INCONSISTENT_CLUSTER_ID,
            f'The given id "{asked_cluster_id}" doesn\'t match the cluster id "{cluster_id}"',
        )
    if voter_id < 0:
        return (
            ErrorCode.INVALID_REQUEST,
            f"{operation} request didn't include a valid voter",
        )
    return ErrorCode.UNSUPPORTED_VERSION, "This quorum is one node, and can't change its voters"
