"""A client of Confluent's Schema Registry over HTTP, as far as serdes need it.

What an id stands for never changes, so answers are kept and each is asked for once. A registry that can't
be reached is a `NotReachableError`; one that says no is a `SerdeError` with its words. Schemas that
refer to others ("references") are refused. Calls block; threads may share one client.

Source: Confluent Schema Registry API reference, "Schemas" and "Subjects".
"""

from __future__ import annotations

import json
from base64 import b64encode
from http.client import HTTPException
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from streamkit.errors import ConfigError, NotReachableError, SerdeError, caused_by

__all__ = ["SchemaRegistry"]

_CONTENT_TYPE: Final = "application/vnd.schemaregistry.v1+json"
_MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
_MAX_KEPT: Final = 10_000


class SchemaRegistry:
    """The schemas of one registry.

    Args:
        url: where it answers, "http://host:8081" or https, with or without a path.
        user, password: for HTTP's basic authentication; None: none.
        timeout_s: how long one call may take.

    Raises:
        ConfigError: `url` is not of http or https.

    Example:
        >>> registry = SchemaRegistry("http://localhost:8081")
        >>> names = AvroRegistrySerde({"type": "string"}, registry)  # asks the registry when it is used
    """

    def __init__(
        self,
        url: str,
        *,
        user: str | None = None,
        password: str | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise ConfigError(f"schema registry at {url!r}: give http://host:port or https://host")
        self.url: str = url.rstrip("/")
        self._user = user
        self._password = password
        self._timeout_s = timeout_s
        self._schemas: dict[int, Any] = {}
        self._ids: dict[tuple[str, str], int] = {}

    def schema(self, schema_id: int) -> Any:
        """The schema of an id, as JSON values.

        Raises:
            SerdeError: the registry has no such id, or the schema isn't a self-contained Avro schema.
            NotReachableError: the registry doesn't answer.
        """
        known = self._schemas.get(schema_id)
        if known is not None:
            return known
        answer = self._call(f"/schemas/ids/{schema_id}", f"schema id {schema_id}")
        if answer.get("schemaType", "AVRO") != "AVRO":
            raise SerdeError(f"schema id {schema_id} is of {answer['schemaType']}, not Avro")
        if answer.get("references"):
            raise SerdeError(f"schema id {schema_id} refers to other schemas; inline them")
        schema = _schema_of(answer["schema"])
        if len(self._schemas) < _MAX_KEPT:
            self._schemas[schema_id] = schema
        return schema

    def register(self, subject: str, schema: Any) -> int:
        """The id of `schema` under `subject`, which it is added to if it isn't there.

        Raises:
            SerdeError: the registry refuses, mostly because the schema isn't compatible with the
                subject's versions; names the subject and carries the registry's reasons.
            NotReachableError: the registry doesn't answer.
        """
        text = json.dumps(schema)
        known = self._ids.get((subject, text))
        if known is not None:
            return known
        path = f"/subjects/{quote(subject, safe='')}/versions"
        answer = self._call(path, f"a new schema for subject '{subject}'", {"schema": text})
        schema_id = int(answer["id"])
        if len(self._ids) < _MAX_KEPT:
            self._ids[subject, text] = schema_id
        return schema_id

    def find(self, subject: str, schema: Any) -> tuple[int, int]:
        """Id and version of `schema` under `subject`.

        Raises:
            SerdeError: the subject or the schema isn't registered.
            NotReachableError: the registry doesn't answer.
        """
        path = f"/subjects/{quote(subject, safe='')}"
        what = f"the schema under subject '{subject}'"
        answer = self._call(path, what, {"schema": json.dumps(schema)})
        return int(answer["id"]), int(answer["version"])

    def versions(self, schema_id: int) -> dict[str, int]:
        """The subjects that have the schema of this id, each with its version there.

        Raises:
            SerdeError: the registry has no such id.
            NotReachableError: the registry doesn't answer.
        """
        answer = self._call(f"/schemas/ids/{schema_id}/versions", f"schema id {schema_id}")
        return {entry["subject"]: int(entry["version"]) for entry in answer}

    def _call(self, path: str, what: str, body: dict[str, str] | None = None) -> Any:
        headers = {"Accept": _CONTENT_TYPE, "Content-Type": _CONTENT_TYPE}
        if self._user is not None:
            pair = f"{self._user}:{self._password or ''}".encode()
            headers["Authorization"] = f"Basic {b64encode(pair).decode()}"
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.url + path, data=data, headers=headers)
        try:
            with urlopen(request, timeout=self._timeout_s) as response:
                answer = response.read(_MAX_ANSWER_BYTES)
        except HTTPError as error:
            with error:
                reason = _reason(error.read(_MAX_ANSWER_BYTES))
            said = f"schema registry {self.url}: {what}: HTTP {error.code} {reason}"
            if error.code in (401, 403):
                raise caused_by(ConfigError(f"{said}; check user and password"), error) from error
            if error.code >= 500 or error.code == 429:
                raise caused_by(NotReachableError(said), error) from error
            raise caused_by(SerdeError(said), error) from error
        except (OSError, HTTPException) as error:
            said = f"schema registry {self.url} can't be reached for {what}: {error}"
            raise caused_by(NotReachableError(said), error) from error
        try:
            return json.loads(answer)
        except ValueError as error:
            said = f"schema registry {self.url}: {what}: the answer is no JSON"
            raise caused_by(SerdeError(said), error) from error

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (self.url, self._user, self._password, self._timeout_s)


def _rebuilt(url: str, user: str | None, password: str | None, timeout_s: float) -> SchemaRegistry:
    return SchemaRegistry(url, user=user, password=password, timeout_s=timeout_s)


def _schema_of(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text  # a type's bare name, as some registries hold it


def _reason(answer: bytes) -> str:
    try:
        return str(json.loads(answer)["message"])
    except (ValueError, KeyError, TypeError):
        return answer[:200].decode(errors="replace")
