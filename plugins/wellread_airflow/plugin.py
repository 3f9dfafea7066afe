"""What Airflow loads by the entry point ``airflow.plugins``: in every process, so it stays small."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin


class WellreadPlugin(AirflowPlugin):
    """Shows Wellread and its version among the plugins; operators are imported from their package."""

    name = "wellread"
