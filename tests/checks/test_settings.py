"""The system checks: a site that is right has none, and each wrong one has exactly its own."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core import checks
from django.core.checks import run_checks

from tests.checks.support import findings, ids, texts
from tusbridge.checks import all_findings


def test_a_site_that_is_right_has_none() -> None:
    assert findings(deploy=True) == []


@pytest.mark.django_db
def test_they_run_without_being_asked_for() -> None:
    from django.test import override_settings

    with override_settings(TUSBRIDGE={"NOTHING": 1}):
        assert "tusbridge.E001" in [found.id for found in run_checks()]


def test_every_finding_has_an_id_of_its_own_and_a_hint() -> None:
    catalogue = all_findings()
    assert len(catalogue) >= 20
    for finding in catalogue.values():
        assert finding.hint.endswith((".", "'."))
        assert finding.text


def test_levels_follow_the_ids() -> None:
    names = "alias value why folder location where path marks how setting expire_after read_timeout"
    names += " package scope model columns"
    facts = dict.fromkeys(names.split())
    for name, finding in all_findings().items():
        message = finding(**facts)
        assert message.id == name
        level = checks.Error if finding.id.startswith("E") else checks.Warning
        assert isinstance(message, level)


class TestSettings:
    @pytest.mark.parametrize(
        ("value", "why"),
        [
            ({"MAX_LENGHT": 1}, "did you mean 'MAX_LENGTH'"),
            ({"MAX_LENGTH": "much"}, "TUSBRIDGE['MAX_LENGTH']"),
            ({"CORS_ORIGINS": "https://a.example"}, "TUSBRIDGE['CORS_ORIGINS']"),
            ([], "has to be a dictionary"),
            ("", "has to be a dictionary"),
        ],
    )
    def test_E001_settings_that_cannot_be_read(self, settings: Any, value: Any, why: str) -> None:  # noqa: N802
        settings.TUSBRIDGE = value
        [found] = findings(deploy=True)
        assert (found.id, isinstance(found, checks.Error)) == ("tusbridge.E001", True)
        assert why in found.msg

    @pytest.mark.parametrize("model", ["nope.Model", "nonsense", "auth.User"])
    def test_E002_a_model_that_is_none_for_uploads(self, settings: Any, model: str) -> None:  # noqa: N802
        settings.TUSBRIDGE_UPLOAD_MODEL = model
        assert ids() == ["E002"]
        assert model in texts()

    def test_W006_uploads_that_expire_under_slow_clients(  # noqa: N802
        self, tusbridge_settings: Callable[..., None]
    ) -> None:
        tusbridge_settings(EXPIRE_AFTER=30, READ_TIMEOUT=30)
        assert ids() == []
        tusbridge_settings(EXPIRE_AFTER=29)
        assert ids() == ["W006"]
        tusbridge_settings(EXPIRE_AFTER=None)
        assert ids() == []
