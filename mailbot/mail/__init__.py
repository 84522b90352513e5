"""FORM: octets on one side, meaning on the other. May run gpg; knows no network and no database."""
