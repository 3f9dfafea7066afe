"""Sensors. DAG files import them from here."""

from __future__ import annotations

from wellread_airflow.sensors.index_fresh import IndexFreshSensor

__all__ = ["IndexFreshSensor"]
