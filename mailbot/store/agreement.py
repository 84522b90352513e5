"""What all robots on one database must have in common."""

from sqlalchemy import Engine, insert, select

from mailbot.store.engine import writing
from mailbot.store.schema import agreements


def agrees(engine: Engine, name: str, value: str) -> bool:
    """Whether this is what the first robot on this database said; who says it first has said it for all."""
    said = select(agreements.c.value).where(agreements.c.name == name)
    with writing(engine) as connection:
        known = connection.execute(said).scalar()
        if known is None:
            connection.execute(insert(agreements).values(name=name, value=value))
        return known in {None, value}
