"""Refusals of whole requests, derived from the declarations."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from streamkit.log.broker.faulted_answers import can_refuse, refusing_answer, topics_named
from streamkit.log.broker.registry import Api, apis
from streamkit.log.protocol import ErrorCode, decode_response, encode_response
from streamkit.log.protocol.messages.describe_configs import (
    DescribeConfigsRequest,
    DescribeConfigsResource,
)
from streamkit.log.protocol.messages.fetch import (
    FetchPartition,
    FetchRequest,
    FetchResponse,
    FetchTopic,
)
from streamkit.log.protocol.messages.find_coordinator import (
    FindCoordinatorRequest,
    FindCoordinatorResponse,
)
from streamkit.log.protocol.messages.join_group import JoinGroupRequest, JoinGroupResponse
from streamkit.log.protocol.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
)
from streamkit.log.protocol.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    ProduceResponse,
    TopicProduceData,
)
from streamkit.log.protocol.wire import _INFOS

CODE = ErrorCode.NOT_LEADER_OR_FOLLOWER
TOPIC_ID = UUID(int=7)


def no_names(topic_id: UUID) -> str | None:
    return None


def produce() -> ProduceRequest:
    parts = [PartitionProduceData(index=2), PartitionProduceData(index=5)]
    return ProduceRequest(topic_data=[TopicProduceData(name="t", partition_data=parts)])


def test_each_partition_of_a_produce_request_is_refused() -> None:
    answer = refusing_answer(produce(), ProduceResponse, 9, CODE)
    (topic,) = answer.responses
    assert topic.name == "t"
    assert [(each.index, each.error_code) for each in topic.partition_responses] == [
        (2, CODE),
        (5, CODE),
    ]


def test_fetch_is_refused_in_its_partitions() -> None:
    request = FetchRequest(topics=[FetchTopic(topic="t", partitions=[FetchPartition(partition=3)])])
    answer = refusing_answer(request, FetchResponse, 12, CODE)
    assert answer.error_code == 0
    assert answer.responses[0].topic == "t"
    assert answer.responses[0].partitions[0].partition_index == 3
    assert answer.responses[0].partitions[0].error_code == CODE


def test_code_at_the_top_is_enough_elsewhere() -> None:
    answer = refusing_answer(JoinGroupRequest(group_id="g"), JoinGroupResponse, 9, CODE)
    assert answer.error_code == CODE


def test_keys_that_are_plain_texts_are_named() -> None:
    old = refusing_answer(FindCoordinatorRequest(key="g"), FindCoordinatorResponse, 3, CODE)
    assert (old.error_code, old.coordinators) == (CODE, [])
    request = FindCoordinatorRequest(coordinator_keys=["g", "h"])
    new = refusing_answer(request, FindCoordinatorResponse, 4, CODE)
    assert [(each.key, each.error_code) for each in new.coordinators] == [("g", CODE), ("h", CODE)]


def every_api() -> list[Api]:
    return [api for _, api in sorted(apis().items())]


@pytest.mark.parametrize("api", every_api(), ids=lambda api: api.key.name)
def test_every_answer_can_be_written(api: Api) -> None:
    """In each version, to an empty request."""
    requests: dict[int, type[Any]] = {
        info.key: cls for cls, info in _INFOS.items() if info.kind == "request"
    }
    if not can_refuse(api.response):
        return
    for version in range(max(api.lowest, 0), api.highest + 1):
        if api.key == 0 and version < 3:
            continue
        answer = refusing_answer(requests[api.key](), api.response, version, CODE)
        frame = encode_response(answer, version, 1)
        decode_response(api.key, version, frame[4:])


def test_topics_are_found_where_they_are_named() -> None:
    assert list(topics_named(produce(), no_names)) == ["t"]
    nested = OffsetFetchRequest(
        groups=[OffsetFetchRequestGroup(group_id="g", topics=[OffsetFetchRequestTopics(name="a")])]
    )
    assert list(topics_named(nested, no_names)) == ["a"]
    configs = DescribeConfigsRequest(
        resources=[
            DescribeConfigsResource(resource_type=2, resource_name="t"),
            DescribeConfigsResource(resource_type=4, resource_name="1"),
        ]
    )
    assert list(topics_named(configs, no_names)) == ["t"]


def test_topics_named_by_id_are_looked_up() -> None:
    request = FetchRequest(topics=[FetchTopic(topic_id=TOPIC_ID)])
    assert list(topics_named(request, {TOPIC_ID: "t"}.get)) == ["t"]
    assert list(topics_named(request, no_names)) == []
