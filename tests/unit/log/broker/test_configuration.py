"""Settings from a file, the environment and the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from streamkit.cli.main import cli
from streamkit.errors import ConfigError
from streamkit.log.broker.configuration import collect_settings
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
