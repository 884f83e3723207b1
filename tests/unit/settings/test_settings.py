from __future__ import annotations

import stat
from pathlib import Path

import pytest

from common.errors import ConfigError
from common.settings import Endpoint, LogFormat, PortRange, Settings, Tls, ensure_secrets, mask_url


def test_defaults_need_no_environment() -> None:
    settings = Settings.load({})
    assert settings.database_url == "sqlite:///var/clarion.db"
    assert settings.web.bind == Endpoint("127.0.0.1", 8000)
    assert settings.web.public_url == "http://127.0.0.1:8000"
    assert settings.mediaserver.rtp_ports == PortRange(20000, 29999)
    assert settings.smtp.tls is Tls.STARTTLS
    assert settings.log.format is LogFormat.TEXT


def test_defaults_follow_what_they_are_made_of() -> None:
    settings = Settings.load({"CLARION_HOME": "/srv/clarion", "CLARION_WEB_BIND": "[::1]:9000"})
    assert settings.database_url == "sqlite:////srv/clarion/clarion.db"
    assert settings.mediaserver.state_dir == Path("/srv/clarion/mediaserver")
    assert settings.web.public_url == "http://[::1]:9000"
    assert str(settings.web.stream_bind) == "[::1]:9001"
    assert settings.web.pages_url == "http://[::1]:9002"
    assert settings.mediaserver.application_server == "http://[::1]:9002"


@pytest.mark.parametrize(
    ("variable", "value", "mend"),
    [
        ("CLARION_WEB_BIND", "8000", "HOST:PORT"),
        ("CLARION_WEB_BIND", "localhost:99999", "HOST:PORT"),
        ("CLARION_PUBLIC_URL", "clarion.example.org", "whole address"),
        ("CLARION_DATABASE_URL", "mysql://x", "sqlite:///PATH"),
        ("CLARION_MEDIASERVER_RTP_PORTS", "30000-20000", "FIRST-LAST"),
        ("CLARION_MEDIASERVER_MAX_CALLS", "many", "whole number"),
        ("CLARION_MEDIASERVER_LINE", "isdn", "native, pyvoip, asterisk"),
        ("CLARION_SMTP_TLS", "yes", "none, starttls, tls"),
        ("CLARION_LOG_LEVEL", "LOUD", "DEBUG"),
        ("CLARION_SECRET_KEY", "short", "at least 16"),
        ("CLARION_TWILIO_FROM", "+1555\r\n0100", "one line"),
    ],
)
def test_refuses_a_wrong_value_naming_variable_and_mend(variable: str, value: str, mend: str) -> None:
    with pytest.raises(ConfigError, match=rf"{variable}: .*{mend}"):
        Settings.load({variable: value})


def test_lists_every_fault_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.load({"CLARION_WEB_BIND": "x", "CLARION_SMTP_PORT": "y", "CLARION_NOISE": "1"})
    assert len(str(caught.value).splitlines()) == 3


def test_refuses_an_unknown_setting_and_names_the_likely_one() -> None:
    with pytest.raises(ConfigError, match="CLARION_SECRT_KEY: no such setting; did you mean CLARION_SECRET_KEY"):
        Settings.load({"CLARION_SECRT_KEY": "x" * 20})


def test_leaves_the_tests_own_variables_alone() -> None:
    Settings.load({"CLARION_TEST_ANYTHING": "1", "HOME": "/root"})


def test_reads_a_secret_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("0123456789abcdef-secret\n")
    assert Settings.load({"CLARION_SECRET_KEY_FILE": str(path)}).secret_key == "0123456789abcdef-secret"


def test_refuses_a_secret_given_twice(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("x" * 20)
    with pytest.raises(ConfigError, match="keep one of them"):
        Settings.load({"CLARION_SMTP_PASSWORD_FILE": str(path), "CLARION_SMTP_PASSWORD": "y"})


def test_says_which_secret_file_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"CLARION_SMTP_PASSWORD: cannot read the file .*gone"):
        Settings.load({"CLARION_SMTP_PASSWORD_FILE": str(tmp_path / "gone")})


def test_only_secrets_come_from_files() -> None:
    with pytest.raises(ConfigError, match="no such setting"):
        Settings.load({"CLARION_LOG_LEVEL_FILE": "/etc/level"})


def test_masks_secrets_and_shows_the_rest() -> None:
    environ = {
        "CLARION_SECRET_KEY": "very-secret-key-of-mine",
        "CLARION_TWILIO_AUTH_TOKEN": "very-secret-token",
        "CLARION_DATABASE_URL": "postgresql://clarion:very-secret@db/clarion",
    }
    settings = Settings.load(environ)
    shown = settings.masked()
    assert "very-secret" not in str(shown)
    assert "very-secret" not in repr(settings)
    assert shown["CLARION_DATABASE_URL"] == "postgresql://clarion:********@db/clarion"
    assert shown["CLARION_WEB_BIND"] == "127.0.0.1:8000"


def test_an_address_without_password_is_shown_as_it_is() -> None:
    assert mask_url("sqlite:///var/clarion.db") == "sqlite:///var/clarion.db"


def test_makes_missing_secrets_once_for_our_eyes_only(tmp_path: Path) -> None:
    environ = {"CLARION_HOME": str(tmp_path / "var")}
    first = ensure_secrets(Settings.load(environ))
    again = ensure_secrets(Settings.load(environ))
    assert first.secret_key == again.secret_key == Settings.load(environ).require_secret_key()
    assert first.mediaserver.token == again.mediaserver.token
    for name in ("secret_key", "mediaserver_token"):
        assert stat.S_IMODE((tmp_path / "var" / name).stat().st_mode) == 0o600


def test_says_how_to_get_a_missing_secret_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="clarion up"):
        Settings.load({"CLARION_HOME": str(tmp_path)}).require_secret_key()
