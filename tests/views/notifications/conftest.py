"""The mail server of tests."""

from collections.abc import Callable

import pytest

from tests.support.two_organisations import TwoOrganisations


@pytest.fixture
def use_mail_server(organisations: TwoOrganisations, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def use_mail_server(smtp_url: str | None) -> None:
        monkeypatch.setitem(
            organisations.app.config, "HUB", organisations.app.config["HUB"].model_copy(update={"smtp_url": smtp_url})
        )

    return use_mail_server
