"""Memory: what the robot remembers, owes and has done, in SQLite or PostgreSQL through SQLAlchemy Core.

No content in plain text is ever handed to this package: the octets that it keeps are sealed before they come here.
"""
