"""Makes the throw-away keys anew: `python -m tests.families.make_keys`; every sealed mail must be made anew then."""

from tests.families.people import KEYS, PINNED
from tests.keys import export, make_key

MADE = "20240101T000000"
PEOPLE = {
    "hub": ("Network hub (throw-away test key) <hub@network.example>", "ed25519/cv25519", "0", ()),
    "fr": ("Bureau France (throw-away test key) <desk@fr.example>", "ed25519/cv25519", "0", ()),
    "de": ("Lagezentrum (throw-away test key) <desk@de.example>", "rsa2048/rsa2048", "0", ()),
    "stranger": ("Stranger (throw-away test key) <stranger@nowhere.example>", "ed25519/cv25519", "0", ()),
    "expired": ("Sala operativa (throw-away test key) <desk@it.example>", "ed25519/cv25519", "20240601T000000", ()),
    "sha1": ("Guardia (throw-away test key) <desk@es.example>", "rsa2048/rsa2048", "0", ("--cert-digest-algo", "SHA1")),
}


def main() -> None:
    """Write all of them."""
    KEYS.mkdir(exist_ok=True)
    for name, (uid, algorithm, expire, options) in PEOPLE.items():
        more = ("Network control (throw-away test key) <control@network.example>",) if name == "hub" else ()
        key = make_key(uid, algorithm, expire, made=MADE, more_uids=more, options=options)
        (KEYS / f"{name}.secret.asc").write_bytes(export(key.home, key.fingerprint, secret=True))
        if name in PINNED:
            folder = KEYS / PINNED[name]
            folder.mkdir(exist_ok=True)
            for old in folder.iterdir():
                old.unlink()
            (folder / f"{key.fingerprint}.asc").write_bytes(key.public)


if __name__ == "__main__":
    main()
