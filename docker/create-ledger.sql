-- The ledger is a database of its own: it is backed up, and moved, without Airflow's.
CREATE DATABASE wellread TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
