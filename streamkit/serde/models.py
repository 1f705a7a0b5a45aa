"""Pydantic models as JSON: read by `model_validate_json`, written by `model_dump_json`.

Pydantic needs not be installed: whatever class has these two methods will do.
"""

from __future__ import annotations

from typing import Any

from streamkit.serde.base import Serde
from streamkit.serde.failures import unreadable, unwritable

__all__ = ["ModelSerde", "is_model"]


def is_model(type_: Any) -> bool:
    """True for a pydantic model's class."""
    return (
        isinstance(type_, type)
        and hasattr(type_, "model_validate_json")
        and hasattr(type_, "model_dump_json")
    )


class ModelSerde(Serde[Any]):
    """Values of one model class as JSON, fields in the order of the class, under their aliases if they have some.

    Args:
        model: the class.
    """

    def __init__(self, model: Any) -> None:
        super().__init__(f"model[{model.__name__}]")
        self._model = model

    def serialize(self, topic: str, value: Any) -> bytes:
        if not isinstance(value, self._model):
            raise unwritable(self.name, topic, value, self._model.__name__)
        try:
            text: str = value.model_dump_json(by_alias=True)
        except ValueError as error:
            raise unwritable(
                self.name, topic, value, f"{self._model.__name__} ({error})", error
            ) from error
        return text.encode()

    def deserialize(self, topic: str, data: bytes) -> Any:
        try:
            return self._model.model_validate_json(data)
        except ValueError as error:  # pydantic's ValidationError is one
            expected = f"JSON of {self._model.__name__} ({error})"
            raise unreadable(self.name, topic, data, expected, error) from error

    def __reduce__(self) -> tuple[type[ModelSerde], tuple[Any]]:
        return ModelSerde, (self._model,)
