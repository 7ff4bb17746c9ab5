"""Settings: what an operator may set, and what is refused before anything is contacted."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from seatsync_pipeline.errors import ConfigurationError
from seatsync_pipeline.settings import Settings, is_loopback, load_settings, missing


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for field in Settings.model_fields.values():
        monkeypatch.delenv(str(field.validation_alias), raising=False)
    monkeypatch.chdir(tmp_path)


def test_defaults_and_the_dotenv_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("DUO_COUNT_BASIS=existing\nSEATSYNC_APPROVERS=Ann Lee, Bo\n")
    monkeypatch.setenv("DUO_PORT", "")
    settings = load_settings()
    assert (settings.duo_count_basis, settings.duo_port) == ("existing", 443)
    assert settings.approvers == ("Ann Lee", "Bo")
    assert settings.home == tmp_path / ".seatsync"
    assert missing(settings, "duo_ikey", "duo_count_basis") == ["DUO_IKEY"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("CONNECTWISE_URL", "http://api-na.myconnectwise.net", "loopback only"),
        ("CONNECTWISE_URL", "https://me:hunter2@api-na.myconnectwise.net", "credentials"),
        ("CONNECTWISE_URL", "https://api-na.myconnectwise.net/v4_6_release/", "without a path"),
        ("CONNECTWISE_URL", "api-na.myconnectwise.net", "give a server"),
        ("CONNECTWISE_URL", "https://me:hunter2@api\u2100.myconnectwise.net", "this is no URL"),
        ("CONNECTWISE_URL", "https://me:hunter2@[api", "this is no URL"),
        ("CONNECTWISE_URL", "https://api-na.myconnectwise.net:hunter2", "this is no URL"),
        ("CONNECTWISE_URL", "https://:@api-na.myconnectwise.net", "credentials"),
        ("CONNECTWISE_URL", "hunter2", "give a server"),
        ("CONNECTWISE_URL", "http://127.0.0.1.evil.com", "loopback only"),
        ("CONNECTWISE_URL", "http://localhost.evil.com", "loopback only"),
        ("CONNECTWISE_URL", "http://localhost@evil.com", "credentials"),
        ("CONNECTWISE_URL", "https://@evil.com", "credentials"),
        ("CONNECTWISE_URL", "http://localhost\\@evil.com", "credentials"),
        ("CONNECTWISE_URL", "https://evil.com\\.myconnectwise.net", "no plain host name"),
        ("CONNECTWISE_URL", "https://evil.com%2f.myconnectwise.net", "no plain host name"),
        ("CONNECTWISE_URL", "https://api-na.m\u0443connectwise.net", "no plain host name"),
        ("CONNECTWISE_URL", "http://2130706433", "loopback only"),
        ("CONNECTWISE_URL", "http://0x7f000001", "loopback only"),
        ("CONNECTWISE_URL", "http://127.1", "loopback only"),
        ("CONNECTWISE_URL", "http://0.0.0.0", "loopback only"),
        ("CONNECTWISE_URL", "http://[::ffff:8.8.8.8]", "loopback only"),
        ("CONNECTWISE_URL", "HTTP://EVIL.COM", "loopback only"),
        ("CONNECTWISE_URL", "ftp://localhost", "give a server"),
        ("CONNECTWISE_URL", "https://api-na.myconnectwise.net#@localhost", "without a path"),
        ("DUO_API_HOST", "127.0.0.1\\.evil.com", "host name alone"),
        ("DUO_API_HOST", "api-1.duosecurity.com\n.evil.com", "host name alone"),
        ("DUO_API_HOST", "api-1.duosecurit\u0443.com", "host name alone"),
        ("DUO_API_HOST", "api-1.duosecurity.com.", "host name alone"),
        ("DUO_API_HOST", "[::1]", "host name alone"),
        ("SEATSYNC_TIMEZONE", "Mars/Olympus", "no IANA time zone"),
        ("SEATSYNC_TIMEZONE", "../../etc/passwd", "no IANA time zone"),
        ("SEATSYNC_TODAY", "20.11.2026", "SEATSYNC_TODAY"),
        ("DUO_COUNT_BASIS", "everybody", "DUO_COUNT_BASIS"),
        ("DUO_API_HOST", "https://api-1.duosecurity.com", "host name alone"),
        ("DUO_API_HOST", "DIKEY:hunter2@api-1.duosecurity.com", "host name alone"),
        ("DUO_PORT", "hunter2", "DUO_PORT"),
        ("CONNECTWISE_CONCURRENCY", "0", "CONNECTWISE_CONCURRENCY"),
    ],
)
def test_wrong_settings_are_named_without_secrets(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=message) as caught:
        load_settings()
    assert name in str(caught.value)
    assert (
        "hunter2"
        not in f"{caught.value}{caught.value!r}{caught.value.__cause__!r}{caught.value.__context__!r}"
    )


def test_the_librarys_own_error_hides_the_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTWISE_URL", "https://me:hunter2@api-na.myconnectwise.net")
    with pytest.raises(ValidationError) as caught:
        Settings()  # type: ignore[call-arg]  # as load_settings does
    assert "hunter2" not in f"{caught.value}{caught.value!r}"


def test_a_dotenv_file_that_is_not_utf_8_is_told_without_its_content(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("DUO_SKEY=hunter2\n# Schl\u00fcssel".encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"\.env is not UTF-8") as caught:
        load_settings()
    assert caught.value.__context__ is None


def test_a_dotenv_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    unreadable = Path("/proc/self/mem")  # even for root, where there is one
    if unreadable.exists():
        (tmp_path / ".env").symlink_to(unreadable)
    else:
        (tmp_path / ".env").touch(mode=0)
    with pytest.raises(ConfigurationError, match=r"\.env: (Input/output error|Permission denied)"):
        load_settings()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('# who may\n\nSEATSYNC_APPROVERS="Dana\n', 'line 3 is not closed.*write SEATSYNC_APPROVERS="VALUE"'),
        ("SEATSYNC_APPROVERS='Dana\n", "line 1 is not closed.*write SEATSYNC_APPROVERS='VALUE'"),
        ('export SEATSYNC_APPROVERS="Dana" Lee\n', 'something follows it; write SEATSYNC_APPROVERS="VALUE"'),
        (
            "DUO_PORT=443\nSEATSYNC_APPROVERS: Dana\n",
            "line 2 has no equals sign; write SEATSYNC_APPROVERS=VALUE",
        ),
        (
            "DUO_PORT=443\n  seatsync_approvers:Dana\n",
            "line 2 has no equals sign; write SEATSYNC_APPROVERS=VALUE",
        ),
        ("SEATSYNC_APPROVERS\n", "line 1 has no equals sign; write SEATSYNC_APPROVERS=VALUE"),
        (
            'DUO_SKEY="hunter2\nhunter2 and more\n',
            "line 1 is not closed.*line 2 has no equals sign; write NAME",
        ),
        ("DUO_SKEY=abc\nhunter2\n", "line 2 has no equals sign; write NAME=VALUE"),
        ("SEATSYNC_APPROVERS:=Dana\n", "line 1 begins with no name"),
        ("=hunter2\n", "line 1 cannot be read; write NAME=VALUE"),
        # Closed by the quotation mark of a later line: the settings in between are a part of the value.
        (
            'SEATSYNC_APPROVERS="Dana\nDUO_IKEY=hunter2"\n',
            "line 1 is not closed there; write SEATSYNC_APPROVERS",
        ),
        ('OTHER="x\nSEATSYNC_APPROVERS=Dana\nMORE=hunter2"\n', "line 1 is not closed there; write NAME"),
    ],
)
def test_a_line_of_the_dotenv_file_that_sets_nothing_is_refused(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / ".env").write_text(text)
    with pytest.raises(ConfigurationError, match=told) as caught:
        load_settings()
    assert str(tmp_path / ".env") in str(caught.value)
    assert "hunter2" not in f"{caught.value}{caught.value!r}{caught.value.__context__!r}"
    assert "Dana" not in str(caught.value)


def test_whatever_else_a_dotenv_file_holds_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(
        b"\xef\xbb\xbfDUO_PORT = 8443 # a port\r\n\r\nexport SEATSYNC_APPROVERS='Ann \"A\" Lee, Bo'\r\n"
        b'# SEATSYNC_TIMEZONE\r\nDUO_CA=\r\nKEY="-----BEGIN\r\n-----END"\r\n'
    )
    settings = load_settings()
    assert (settings.duo_port, settings.duo_ca, settings.timezone) == (8443, None, None)
    assert settings.approvers == ('Ann "A" Lee', "Bo")


def test_a_fixed_today_is_for_loopback_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEATSYNC_TODAY", "2026-11-20")
    monkeypatch.setenv("CONNECTWISE_URL", "http://127.0.0.1:8080")
    assert load_settings().today() == date(2026, 11, 20)
    monkeypatch.setenv("CONNECTWISE_URL", "https://api-na.myconnectwise.net")
    with pytest.raises(ConfigurationError, match="SEATSYNC_TODAY is for tests"):
        load_settings()


def test_plain_http_to_duo_is_for_loopback_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUO_CA", "HTTP")
    monkeypatch.setenv("DUO_API_HOST", "api-1.duosecurity.com")
    with pytest.raises(ConfigurationError, match="loopback"):
        load_settings()


def test_secrets_show_in_no_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONNECTWISE_PRIVATE_KEY", "CONNECTWISE_PUBLIC_KEY", "DUO_SKEY", "DUO_IKEY"):
        monkeypatch.setenv(name, "hunter2")
    settings = load_settings()
    assert "hunter2" not in f"{settings!r} {settings} {settings.model_dump()}"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.0.0.9", True),
        ("[::1]", True),
        ("127.0.0.1.evil.com", False),
        ("10.0.0.1", False),
    ],
)
def test_is_loopback(host: str, *, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_folders_are_private(tmp_path: Path) -> None:
    settings = load_settings()
    settings.make_folders()
    assert settings.avanan_inbox.is_dir()
    assert (settings.home.stat().st_mode & 0o777) == 0o700
