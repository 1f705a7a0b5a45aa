"""What single serdes write, and how they refuse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from streamkit.errors import ConfigError, SerdeError
from streamkit.model import Window, Windowed
from streamkit.serde import Serde, SessionWindowedSerde, TimeWindowedSerde, serde_for


@dataclass
class Click:
    z: int
    a: str


def test_int_is_kafkas_long() -> None:
    assert serde_for(int).serialize("t", -2) == b"\xff\xff\xff\xff\xff\xff\xff\xfe"


def test_float_is_kafkas_double() -> None:
    assert serde_for(float).serialize("t", 1.5) == bytes.fromhex("3ff8000000000000")
    assert serde_for(float).deserialize("t", serde_for(float).serialize("t", 3)) == 3.0


def test_int_beyond_64_bits_is_an_error() -> None:
    with pytest.raises(SerdeError, match="at most 64 bits"):
        serde_for(int).serialize("t", 2**63)


@pytest.mark.parametrize("value", [True, 1.0, "1"])
def test_int_serde_takes_ints_only(value: Any) -> None:
    with pytest.raises(SerdeError, match=f"type {type(value).__name__}"):
        serde_for(int).serialize("t", value)


def test_lone_surrogate_is_an_error() -> None:
    with pytest.raises(SerdeError, match="surrogates") as caught:
        serde_for(str).serialize("t", "\ud800")
    assert isinstance(caught.value.__cause__, UnicodeEncodeError)


def test_bytes_that_are_no_text_are_an_error() -> None:
    with pytest.raises(SerdeError, match="UTF-8"):
        serde_for(str).deserialize("t", b"\xff")


def test_json_keys_are_sorted_so_that_equal_keys_share_a_partition() -> None:
    serde = serde_for(Any)
    assert serde.serialize("t", {"b": 1, "a": {"d": 1, "c": 2}}) == b'{"a":{"c":2,"d":1},"b":1}'
    assert serde_for(Click).serialize("t", Click(1, "x")) == b'{"a":"x","z":1}'


def test_typed_json_names_what_is_wrong() -> None:
    with pytest.raises(SerdeError, match=r"json\[Click\].*Expected `int`, got `str` - at `\$.z`"):
        serde_for(Click).deserialize("clicks", b'{"z":"no","a":""}')


def test_long_values_are_cut_in_messages() -> None:
    with pytest.raises(SerdeError) as caught:
        serde_for(int).serialize("t", "x" * 10_000)
    assert len(str(caught.value)) < 200


def test_value_whose_repr_raises_still_gives_the_message() -> None:
    class Odd:
        def __repr__(self) -> str:
            raise RuntimeError

    with pytest.raises(SerdeError, match="repr raises RuntimeError"):
        serde_for(str).serialize("t", Odd())


def test_serde_object_is_taken_as_it_is() -> None:
    serde = serde_for(int)
    assert serde_for(serde) is serde


@pytest.mark.parametrize("given", [None, "str", serde_for(int).__class__])
def test_what_is_no_type_is_refused(given: Any) -> None:
    with pytest.raises(ConfigError):
        serde_for(given)


def test_type_that_json_can_not_express_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="can't be read from JSON"):
        serde_for(dict[float, int] | list[int] | set[str])


class Opaque:
    """Of which msgspec knows nothing."""


@pytest.mark.parametrize(
    ("type_", "named"),
    [(complex, "complex"), (list[complex], "complex"), (dict[str, Opaque | None], "Opaque")],
)
def test_class_that_json_can_not_be_read_into_is_named_at_once(type_: Any, named: str) -> None:
    with pytest.raises(ConfigError, match=f"{named} is neither a scalar.*serde_from"):
        serde_for(type_)


def test_own_serde_needs_two_methods() -> None:
    """Without anything else its values are kept as bytes."""

    class Upper(Serde[str]):
        def serialize(self, topic: str, value: str) -> bytes:
            return value.upper().encode()

        def deserialize(self, topic: str, data: bytes) -> str:
            return data.decode().lower()

    serde = Upper()
    assert serde_for(serde) is serde
    assert (serde.name, serde.canonical, serde.immutable) == ("Upper", False, False)
    assert not serde.fits("a")


def test_own_serde_may_forget_the_base_classs_init() -> None:
    """It's then taken as neither canonical nor immutable."""

    class Forgetful(Serde[str]):
        def __init__(self, prefix: str) -> None:
            self.prefix = prefix

    serde = Forgetful("x")
    assert (serde.canonical, serde.immutable) == (False, False)


def test_windowed_keys_have_kafkas_bytes() -> None:
    """Bytes as WindowKeySchema.toBinary and SessionKeySchema.toBinary lay them out."""
    key = Windowed("k", Window(1, 11))
    assert TimeWindowedSerde(serde_for(str), 10).serialize("t", key) == b"k" + bytes(7) + b"\x01"
    assert SessionWindowedSerde(serde_for(str)).serialize("t", key) == (
        b"k" + bytes(7) + b"\x0b" + bytes(7) + b"\x01"
    )


def test_windowed_key_of_unknown_size_ends_at_the_end_of_time() -> None:
    serde = TimeWindowedSerde(serde_for(str))
    key = serde.deserialize("t", b"k" + bytes(8))
    assert key == Windowed("k", Window(0, 2**63 - 1))
