"""A difference that is listed hides nothing else of its answer."""

from __future__ import annotations

from answer_differences import Difference, Explained, differences

LISTED = {"describe": Difference("why", {".configs[b].source": 5})}
KAFKAS = {"error": 0, "configs": [{"name": "a", "source": 1}, {"name": "b", "source": 3}]}


def ours(error: int = 0, a: int = 1, b: int = 5) -> object:
    return {"error": error, "configs": [{"name": "a", "source": a}, {"name": "b", "source": b}]}


def test_leaf_that_is_listed_is_explained() -> None:
    explained = Explained(LISTED)
    explained.take("describe v1:", "describe", KAFKAS, ours())
    assert explained.others == []
    assert explained.gone() == []


def test_what_else_differs_shows() -> None:
    explained = Explained(LISTED)
    explained.take("describe v1:", "describe", KAFKAS, ours(error=42, a=2))
    assert explained.others == [
        "describe v1:.configs[a].source: Kafka 1, ours 2",
        "describe v1:.error: Kafka 0, ours 42",
    ]


def test_leaf_that_is_listed_may_differ_in_one_way_only() -> None:
    explained = Explained(LISTED)
    explained.take("describe v1:", "describe", KAFKAS, ours(b=4))
    assert explained.others == ["describe v1:.configs[b].source: Kafka 3, ours 4"]
    assert explained.gone() == ["describe.configs[b].source"]


def test_leaf_of_another_step_is_not_explained() -> None:
    explained = Explained(LISTED)
    explained.take("create", "create", KAFKAS, ours())
    assert explained.others == ["create.configs[b].source: Kafka 3, ours 5"]


def test_list_of_another_length_is_one_leaf() -> None:
    assert list(differences("", {"a": [1, 2], "b": 1}, {"a": [1], "c": 1})) == [
        ".a: Kafka [1, 2], ours [1]",
        ".b: Kafka 1, ours None",
        ".c: Kafka None, ours 1",
    ]
