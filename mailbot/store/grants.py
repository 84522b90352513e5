"""What the role of `mailbot send` may do on PostgreSQL: read sealed mail, add what became of it (trust.md 19)."""

from collections.abc import Iterator

from psycopg import sql

_SETTLES = ("state", "attempts", "due_at", "settled_at", "last_status", "head", "foot", "body_id")


def sender_grants(role: str) -> Iterator[str]:
    """The statements that an owner of the database runs once, each of them repeatable."""
    columns = ", ".join(_SETTLES)
    name = sql.Identifier(role).as_string()
    yield f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {name};"
    yield f"GRANT USAGE ON SCHEMA public TO {name};"
    yield f"GRANT SELECT ON outbox, bodies, alembic_version TO {name};"
    yield f"GRANT UPDATE ({columns}) ON outbox TO {name};"
    yield f"GRANT DELETE ON bodies TO {name};"
    yield f"GRANT SELECT (number, hash), INSERT ON journal TO {name};"
