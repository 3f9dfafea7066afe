"""Wellread as Airflow sees it: operators, connections, DAG builders. What it means is in ``wellread``."""
