"""The assets that Wellread announces: schedule a DAG on one, and it runs when documents have changed."""

from __future__ import annotations

from urllib.parse import quote

from airflow.sdk import Asset, AssetAlias

_GROUP = "wellread"


def collection_asset(collection: str = "Documents") -> Asset:
    """Changes with every published revision of a collection, whatever its source."""
    return Asset(name=f"wellread {collection}", uri=f"wellread://index/{collection}", group=_GROUP)


def source_asset(source_id: str, collection: str = "Documents") -> Asset:
    """Changes with every published revision of one source."""
    return Asset(
        name=f"wellread {collection} {source_id}",
        uri=f"wellread://index/{collection}/{source_id}",
        group=_GROUP,
    )


def changed_assets(source_id: str, collection: str = "Documents") -> tuple[Asset, Asset]:
    """What a published revision of a source announces."""
    return source_asset(source_id, collection), collection_asset(collection)


def changes_alias(source_id: str, collection: str = "Documents") -> AssetAlias:
    """What the publishing task has as its outlet.

    An alias announces nothing by itself: a run without changes starts no consumer.
    """
    return AssetAlias(name=f"wellread changes {collection} {source_id}", group=_GROUP)


def redriven_alias() -> AssetAlias:
    """What the tasks that run sources for their quarantined documents have as their outlet."""
    return AssetAlias(name="wellread redriven", group=_GROUP)


def answers_asset(job_name: str) -> Asset:
    """Changes when the answers of a question job do."""
    short = quote(job_name, safe="")[:1000]
    return Asset(name=f"wellread answers {short}", uri=f"wellread://answers/{short}", group=_GROUP)


def answers_alias() -> AssetAlias:
    """What tasks that publish answers have as their outlet, whatever the job."""
    return AssetAlias(name="wellread answers", group=_GROUP)
