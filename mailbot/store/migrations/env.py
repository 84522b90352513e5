"""What Alembic asks for before it runs versions/: the connection, which migrate() has opened and will commit."""

from alembic import context

from mailbot.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,  # true of SQLite too, since engine.py says BEGIN itself
)
with context.begin_transaction():
    context.run_migrations()
