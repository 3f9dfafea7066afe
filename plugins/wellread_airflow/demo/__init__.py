"""``make demo``: the sample corpus through real Airflow DAGs on a real Weaviate, told as a story that is checked."""
