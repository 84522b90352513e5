"""The network: mail comes in over IMAP and goes out over SMTP; nothing here looks into it."""
