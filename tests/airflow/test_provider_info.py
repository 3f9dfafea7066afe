"""What Airflow is told about this package is there."""

from __future__ import annotations

from importlib import import_module

import pytest

from wellread_airflow import operators, sensors
from wellread_airflow.provider_info import get_provider_info

pytestmark = pytest.mark.airflow


def test_every_module_that_is_listed_can_be_imported_and_every_operator_is_listed() -> None:
    info = get_provider_info()
    modules = [
        import_module(name)
        for room in ("operators", "sensors", "triggers")
        for one in info[room]
        for name in one["python-modules"]
    ]
    listed = {module.__name__ for module in modules}
    public = [getattr(operators, name) for name in operators.__all__] + [sensors.IndexFreshSensor]
    assert {kind.__module__ for kind in public} <= listed


def test_airflow_finds_the_decorators_by_their_names(airflow_environment: object) -> None:
    from airflow.providers_manager import ProvidersManager
    from airflow.sdk import task

    assert "wellread-airflow" in ProvidersManager().providers
    assert callable(task.wellread_answer)
    assert callable(task.wellread_retrieve)


def test_no_operator_has_a_template_field_that_it_does_not_have() -> None:
    for name in operators.__all__:
        kind = getattr(operators, name)
        assert len(set(kind.template_fields)) == len(kind.template_fields), name
