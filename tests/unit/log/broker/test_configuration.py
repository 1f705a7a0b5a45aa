"""Settings from a file, the environment and the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from streamkit.cli.main import cli
from streamkit.errors import ConfigError
from streamkit.log.broker.configuration import collect_settings
from streamkit.log.broker.setting import Setting
from streamkit.log.broker.settings import BROKER_SETTINGS, BrokerSettings


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_later_sources_win(tmp_path: Path) -> None:
    file = written(tmp_path, "b.properties", "num.partitions=2\nlog.retention.hours=2\nnode.id=2\n")
    environment = {
        "STREAMKIT_BROKER_NUM_PARTITIONS": "3",
        "STREAMKIT_BROKER_LOG_RETENTION_HOURS": "3",
        "STREAMKIT_DATA_DIR": "elsewhere",
    }
    found = collect_settings(file, environment, ["num.partitions = 4"])
    assert found == {"num.partitions": "4", "log.retention.hours": "3", "node.id": "2"}


def test_toml_may_be_flat_or_nested(tmp_path: Path) -> None:
    text = """
        num.partitions = 3
        "auto.create.topics.enable" = false
        listeners = "PLAINTEXT://127.0.0.1:0"
        [log]
        cleanup.policy = ["compact", "delete"]
        cleaner.min.cleanable.ratio = 0.25
    """
    settings = BrokerSettings.from_properties(
        collect_settings(written(tmp_path, "b.toml", text), {}, [])
    )
    assert settings.num_partitions == 3
    assert settings.auto_create_topics_enable is False
    assert settings.log_cleanup_policy == ("compact", "delete")
    assert settings.log_cleaner_min_cleanable_ratio == 0.25


def test_every_setting_has_a_variable() -> None:
    for name, setting in BROKER_SETTINGS.items():
        if (text := setting.text(setting.default)) is not None:
            variable = f"STREAMKIT_BROKER_{name.upper().replace('.', '_')}"
            assert collect_settings(None, {variable: text}, []) == {name: text}


def test_refusals_name_the_place_and_the_range(tmp_path: Path) -> None:
    variable = "STREAMKIT_BROKER_NUM_PARTITIONS"
    with pytest.raises(ConfigError, match=f"{variable}: .* must be at least 1"):
        collect_settings(None, {variable: "0"}, [])
    with pytest.raises(ConfigError, match=f"{variable}: .*not a whole number; must be at least 1"):
        collect_settings(None, {variable: "many"}, [])
    with pytest.raises(ConfigError, match=r"PARTITION: unknown .* did you mean num\.partitions"):
        collect_settings(None, {"STREAMKIT_BROKER_NUM_PARTITION": "1"}, [])
    with pytest.raises(ConfigError, match=r"b\.toml: unknown setting log\.retention"):
        collect_settings(written(tmp_path, "b.toml", "log.retention = 1"), {}, [])
    with pytest.raises(ConfigError, match=r"--set: .*from 0 to 1"):
        collect_settings(None, {}, ["log.cleaner.min.cleanable.ratio=2"])
    with pytest.raises(ConfigError, match="expected NAME=VALUE"):
        collect_settings(None, {}, ["num.partitions"])


@pytest.mark.parametrize(
    "assignments",
    [
        (
            "group.consumer.min.session.timeout.ms=1000",
            "group.consumer.session.timeout.ms=6000",
        ),
        ("queued.max.request.bytes=-1", "socket.request.max.bytes=600000000"),
        ("max.connections.per.ip.overrides=127.0.0.1:5", "max.connections.per.ip=0"),
        (
            "group.consumer.heartbeat.interval.ms=1000",
            "group.consumer.min.heartbeat.interval.ms=500",
        ),
        ("log.retention.minutes=0", "log.retention.ms=5000"),
    ],
)
def test_settings_that_are_valid_together_are_taken_in_any_order(
    assignments: tuple[str, str],
) -> None:
    """One of each pair would be refused beside the default of the other."""
    for given in (assignments, assignments[::-1]):
        found = BrokerSettings.from_properties(collect_settings(None, {}, given))
        for name, _, text in (each.partition("=") for each in assignments):
            assert Setting.text(found.value(name)) == text


def test_bound_may_stand_in_a_file_and_the_value_elsewhere(tmp_path: Path) -> None:
    file = written(tmp_path, "b.properties", "group.consumer.max.session.timeout.ms=90000\n")
    variable = "STREAMKIT_BROKER_GROUP_CONSUMER_SESSION_TIMEOUT_MS"
    in_environment = collect_settings(file, {variable: "80000"}, [])
    on_the_line = collect_settings(file, {}, ["group.consumer.session.timeout.ms=80000"])
    assert in_environment == on_the_line
    assert BrokerSettings.from_properties(on_the_line).group_consumer_session_timeout_ms == 80_000


def test_settings_that_are_wrong_together_are_refused() -> None:
    """Also if each one is right beside the defaults of the others."""
    low = "group.consumer.min.session.timeout.ms=46000"
    high = {"STREAMKIT_BROKER_GROUP_CONSUMER_SESSION_TIMEOUT_MS": "45500"}
    with pytest.raises(ConfigError, match=r"session\.timeout\.ms is 45500; .* from 46000"):
        BrokerSettings.from_properties(collect_settings(None, high, [low]))


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("listeners", "nowhere", "expected HOST:PORT"),
        ("advertised.listeners", "SSL://h:1", "only PLAINTEXT is served"),
        ("group.consumer.assignors", "", "must name an assignor"),
        ("max.connections.per.ip.overrides", "here", "must be ADDRESS:NUMBER"),
    ],
)
def test_value_that_is_wrong_by_itself_is_refused_where_it_stands(
    name: str, text: str, says: str
) -> None:
    with pytest.raises(ConfigError, match=f"--set: .*{name}: .*{says}"):
        collect_settings(None, {}, [f"{name}={text}"])


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't read"):
        collect_settings(tmp_path / "none.toml", {}, [])
    with pytest.raises(ConfigError, match="is no TOML"):
        collect_settings(written(tmp_path, "a.toml", "x = "), {}, [])
    with pytest.raises(ConfigError, match="num can't be a list"):
        collect_settings(written(tmp_path, "b.toml", "num = [1]"), {}, [])
    with pytest.raises(ConfigError, match="num can't be a date"):
        collect_settings(written(tmp_path, "c.toml", "num = 2024-01-01"), {}, [])


def test_command_refuses_a_bad_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMKIT_BROKER_NUM_PARTITIONS", "0")
    result = CliRunner().invoke(cli, ["broker"])
    assert isinstance(result.exception, ConfigError)
    assert "STREAMKIT_BROKER_NUM_PARTITIONS" in str(result.exception)
