"""What control records hold: ends of transactions, and the metadata log's own notes.

The key of a control record is a version and a ControlRecordType, two bytes each: 0 abort, 1 commit, 2 leader change,
3 snapshot header, 4 snapshot footer, 5 KRaft version, 6 voters. EndTxnMarker stands behind its version in two bytes; the
others bear their version themselves. LeaderChangeMessage 1 adds the voters' directory ids (KIP-853).
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
    Int16,
    Int32,
    Int64,
    String,
    UInt16,
    Uuid,
    struct,
    wire,
)

__all__ = [
    "ControlRecordTypeSchema",
    "EndTxnMarker",
    "Endpoint",
    "KRaftVersionFeature",
    "KRaftVersionRecord",
    "LeaderChangeMessage",
    "LeaderChangeMessageVoter",
    "SnapshotFooterRecord",
    "SnapshotHeaderRecord",
    "VotersRecord",
    "VotersVoter",
]


@struct(versions="0")
class ControlRecordTypeSchema:
    type: Int16 = wire()


@struct(versions="0")
class EndTxnMarker:
    coordinator_epoch: Int32 = wire()


@struct()
class LeaderChangeMessageVoter:
    voter_id: Int32 = wire()
    voter_directory_id: Uuid = wire("1+")


@struct(versions="0-1", flexible="0+")
class LeaderChangeMessage:
    version: Int16 = wire()
    leader_id: Int32 = wire()
    voters: Array[LeaderChangeMessageVoter] = wire()
    granting_voters: Array[LeaderChangeMessageVoter] = wire()


@struct(versions="0", flexible="0+")
class SnapshotHeaderRecord:
    version: Int16 = wire()
    last_contained_log_timestamp: Int64 = wire()


@struct(versions="0", flexible="0+")
class SnapshotFooterRecord:
    version: Int16 = wire()


@struct(versions="0", flexible="0+")
class KRaftVersionRecord:
    version: Int16 = wire()
    k_raft_version: Int16 = wire()


@struct()
class Endpoint:
    name: String = wire()
    host: String = wire()
    port: UInt16 = wire()


@struct()
class KRaftVersionFeature:
    min_supported_version: Int16 = wire()
    max_supported_version: Int16 = wire()


@struct()
class VotersVoter:
    voter_id: Int32 = wire()
    voter_directory_id: Uuid = wire()
    endpoints: Array[Endpoint] = wire()
    k_raft_version_feature: KRaftVersionFeature = wire()


@struct(versions="0", flexible="0+")
class VotersRecord:
    version: Int16 = wire()
    voters: Array[VotersVoter] = wire()
