"""The settings: what counts as unset, what is refused, and what a refusal may print."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from customerhub.config import SettingError, Settings, load_settings

SECRET = "plum-sofa"


def settings(folder: Path, **environ: str) -> Settings:
    return load_settings({"HUB_DATA_DIR": str(folder), **environ})


def refusal(folder: Path, **environ: str) -> str:
    with pytest.raises(SettingError) as caught:
        settings(folder, **environ)
    return str(caught.value)


def test_a_blank_setting_is_an_unset_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    names = (
        "HUB_DATA_DIR", "PORT", "HUB_HOST", "DATABASE_URL", "REDIS_URL", "HUB_PUBLIC_URL", "HUB_SECRET_KEY",
        "HUB_SECURE_COOKIES", "SMTP_URL", "HUB_TRUSTED_PROXIES", "HUB_WEB_WORKERS", "HUB_WORKERS",
    )  # fmt: skip
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
    message = refusal(tmp_path, **{name: value})
    assert message.startswith(name)
    assert SECRET not in message


@pytest.mark.parametrize("port", ["port", "0", "65536", "-1", "25x"])
@pytest.mark.parametrize(
    ("name", "address"), [("SMTP_URL", "smtp://mail.example"), ("REDIS_URL", "redis://queue.example")]
)
def test_a_port_that_cannot_be_is_refused_at_start(tmp_path: Path, name: str, address: str, port: str):
    assert refusal(tmp_path, **{name: f"{address}:{port}"}).startswith(name)


@pytest.mark.parametrize("address", ["smtp://[::1", "https://mail.example", "mail.example:25", "smtp://"])
def test_what_is_no_address_of_a_mail_server_is_refused(tmp_path: Path, address: str):
    assert "expected smtp://" in refusal(tmp_path, SMTP_URL=address)


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("http://127.0.0.1:8000", True), ("http://localhost:8000", True), ("http://[::1]:8000", True),
        ("https://hub.example.com", False), ("http://192.168.1.7:8000", False), ("http://127.0.0.1.example.com", False),
    ],
)  # fmt: skip
def test_whose_hub_is_reached_by_nobody_else(tmp_path: Path, address: str, private: bool):
    assert settings(tmp_path, HUB_PUBLIC_URL=address).is_private is private


def test_several_parts_of_a_hub_look_at_one_folder_at_the_same_moment(tmp_path: Path):
    """Web, workers and scheduler start together: none takes the others' look for a folder that cannot be written."""

    def look(_number: int) -> Path:
        return settings(tmp_path / "hub", HUB_SECRET_KEY="x").data_dir

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(look, range(2000))) == {tmp_path / "hub"}
    assert list((tmp_path / "hub").iterdir()) == []
