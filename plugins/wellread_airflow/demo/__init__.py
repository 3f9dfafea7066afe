"""``make demo``: the sample corpus through real Airflow DAGs on a real Weaviate, told and checked."""
