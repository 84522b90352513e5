"""Real servers for the tests, on loopback or a unix socket, each private to one test session and surely ended with it.

    dovecot.py    IMAP, LMTP for putting mail in, SASL for Postfix
    postfix.py    the MTA: MX, submission, real bounces
    postgres.py   a cluster; every test asks for an empty database of its own
    badsmtp.py    an SMTP server with named misbehaviours
    tokens.py     tells Dovecot which OAuth2 tokens are good
    recipients.py tells Postfix which addresses Dovecot has
    authority.py  a throw-away certification authority
    programs.py   how a program is found, started as an ordinary user, ended
    fixtures.py   all of them as pytest fixtures

A server that is not installed makes a test fail, with the name of the Debian package that is missing.
"""
