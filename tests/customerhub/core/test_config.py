"""The settings: what counts as unset, what is refused, and what a refusal may print."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from customerhub.core.config import SettingError, Settings, load_settings

SECRET = "plum-sofa"
ENCRYPTION_KEY = "dGVzdHMgdGVzdHMgdGVzdHMgdGVzdHMgdGVzdHMgMDE="


def read_settings(folder: Path, **environ: str) -> Settings:
    return load_settings({"HUB_DATA_DIR": str(folder)} | environ)


def refusal_message(folder: Path, **environ: str) -> str:
    with pytest.raises(SettingError) as error_info:
        read_settings(folder, **environ)
    return str(error_info.value)


def test_a_blank_setting_is_an_unset_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    names = (
        "HUB_DATA_DIR",
        "PORT",
        "HUB_HOST",
        "DATABASE_URL",
        "REDIS_URL",
        "HUB_PUBLIC_URL",
        "HUB_SECRET_KEY",
        "HUB_SECURE_COOKIES",
        "SMTP_URL",
        "HUB_TRUSTED_PROXIES",
        "HUB_WEB_WORKERS",
        "HUB_WORKERS",
    )
    assert load_settings(dict.fromkeys(names, "")) == load_settings({})
    assert load_settings({}).data_dir == tmp_path / "instance"
    assert load_settings({"HUB_PUBLIC_URL": "", "PORT": "8123"}).public_url == "http://127.0.0.1:8123"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SMTP_URL", f"http://hub:{SECRET}@mail.example:25"),
        ("SMTP_URL", f"smtp://hub:{SECRET}@mail.example:port"),
        ("SMTP_URL", f"smtp:hub:{SECRET}@mail.example"),
        ("SMTP_URL", f"smtp://hub:{SECRET}@"),
        ("REDIS_URL", f"http://:{SECRET}@queue.example:6379/0"),
        ("REDIS_URL", f"redis://:{SECRET}@queue.example:port/0"),
        ("REDIS_URL", f"socket://hub@/run/redis.sock?password={SECRET}"),
        ("DATABASE_URL", f"hub:{SECRET}@db.example/hub"),
        ("DATABASE_URL", f"postgresql:/hub:{SECRET}@db.example/hub"),
        ("DATABASE_URL", f"postgresql://hub:{SECRET}@db.example:port/hub"),
        ("DATABASE_URL", f"mysql://hub:{SECRET}/@db.example/hub"),
        ("HUB_PUBLIC_URL", f"ftp://hub:{SECRET}@hub.example"),
    ],
)
def test_no_refusal_prints_a_password(tmp_path: Path, name: str, value: str):
    message = refusal_message(tmp_path, **{name: value})
    assert message.startswith(name)
    assert SECRET not in message


@pytest.mark.parametrize("port", ["port", "0", "65536", "-1", "25x"])
@pytest.mark.parametrize(
    ("name", "address"), [("SMTP_URL", "smtp://mail.example"), ("REDIS_URL", "redis://queue.example")]
)
def test_a_port_that_cannot_be_is_refused_at_start(tmp_path: Path, name: str, address: str, port: str):
    assert refusal_message(tmp_path, **{name: f"{address}:{port}"}).startswith(name)


@pytest.mark.parametrize("address", ["smtp://[::1", "https://mail.example", "mail.example:25", "smtp://"])
def test_what_is_no_address_of_a_mail_server_is_refused(tmp_path: Path, address: str):
    assert "expected smtp://" in refusal_message(tmp_path, SMTP_URL=address)


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://localhost:8000", True),
        ("http://[::1]:8000", True),
        ("https://hub.example.com", False),
        ("http://192.168.1.7:8000", False),
        ("http://127.0.0.1.example.com", False),
    ],
)
def test_whose_hub_is_reached_by_nobody_else(tmp_path: Path, address: str, private: bool):
    assert read_settings(tmp_path, HUB_PUBLIC_URL=address).is_private is private


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.7", False),
        ("hub", False),
    ],
)
def test_whose_hub_listens_for_nobody_else(tmp_path: Path, host: str, private: bool):
    settings = read_settings(tmp_path, HUB_HOST=host)
    assert settings.is_private is private
    assert settings.exposure == ("" if private else f"HUB_HOST is {host}")


def test_several_parts_of_a_hub_look_at_one_folder_at_the_same_moment(tmp_path: Path):
    """Web, workers and scheduler start together: none takes the others' look for a folder that cannot be written."""

    def look(_number: int) -> Path:
        return read_settings(tmp_path / "hub", HUB_SECRET_KEY="x", HUB_ENCRYPTION_KEYS=ENCRYPTION_KEY).data_dir

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(look, range(2000))) == {tmp_path / "hub"}
    assert list((tmp_path / "hub").iterdir()) == []


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path):
    """Each in a line of its own; what follows from a wrong setting is no line."""
    message = refusal_message(
        tmp_path,
        HUB_DATA_DIR="/proc/hub",
        PORT="80x",
        HUB_WORKERS="99",
        HUB_SECURE_COOKIES="maybe",
        SMTP_URL=f"http://hub:{SECRET}@mail.example",
    )
    assert message.splitlines() == [
        "HUB_DATA_DIR is '/proc/hub': cannot write there (No such file or directory)",
        "PORT is '80x': expected a whole number",
        "HUB_SECURE_COOKIES is 'maybe': expected yes or no",
        "HUB_WORKERS is 99: expected 1 to 64",
        "SMTP_URL is 'http://hub:***@mail.example': expected smtp://user:password@host:587",
    ]
    assert list(tmp_path.iterdir()) == []


def test_settings_are_shown_without_their_secrets(tmp_path: Path):
    settings = read_settings(
        tmp_path,
        HUB_SECRET_KEY=SECRET,
        SMTP_URL=f"smtp://hub:{SECRET}@mail.example",
        REDIS_URL=f"redis://:{SECRET}@queue.example:6379/0",
        DATABASE_URL=f"postgresql://hub:{SECRET}@db.example/hub",
    )
    assert settings.secret_key == SECRET
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings)


def test_settings_come_from_where_they_are_said_to_come_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Neither from the environment of the process beside what is handed over, nor from a name in small letters."""
    monkeypatch.setenv("HUB_WORKERS", "7")
    assert read_settings(tmp_path).workers == 1
    assert read_settings(tmp_path, hub_workers="5").workers == 1
    assert read_settings(tmp_path, HUB_WORKERS="\t 5 ", HUB_SECURE_COOKIES=" YES ").workers == 5


def test_settings_do_not_change(tmp_path: Path):
    settings = read_settings(tmp_path)
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1
    assert settings.model_copy(update={"port": 9000}).port == 9000
