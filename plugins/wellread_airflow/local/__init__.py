"""Airflow on this machine: started, watched and stopped as a whole. ``python -m wellread_airflow.local up``.

``airflow standalone`` binds every interface and leaves processes behind, so the four components are started
here one by one, each in a session of its own, and found again by what was written down about them.
"""
