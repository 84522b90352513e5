"""How mail programs begin a mail: the header fields that each of them writes, with the same few facts in all."""

from collections.abc import Mapping
from email.header import Header

DATE = "Mon, 10 Mar 2025 10:00:00 +0100"
HUB = "hub@network.example"

_FIELDS: Mapping[str, tuple[str, ...]] = {
    "thunderbird": ("User-Agent: Mozilla Thunderbird", "Content-Language: fr", "MIME-Version: 1.0"),
    "enigmail": ("User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:60.0) Thunderbird/60.9.0",
                 "X-Enigmail-Version: 2.0.12", "MIME-Version: 1.0"),
    "outlook": ("X-Mailer: Microsoft Outlook 16.0", "Thread-Index: AdsxH7c0yqk8b2JuT5yR1nU0bQvZxA==",
                "Content-Language: de", "X-MS-Has-Attach: yes", "X-MS-TNEF-Correlator:", "MIME-Version: 1.0"),
    "exchange": ("Thread-Topic: request", "Thread-Index: AQHbkXo5m0r0bqkqtkq8rj8i2b0z0Q==", "Accept-Language: de-DE",
                 "Content-Language: de-DE", "X-MS-Exchange-Organization-SCL: -1", "X-MS-Has-Attach: yes",
                 "X-MS-TNEF-Correlator:", "x-originating-ip: [192.0.2.7]", "MIME-Version: 1.0"),
    "apple": ("Mime-Version: 1.0 (Mac OS X Mail 16.0 \\(3774.600.62\\))", "X-Mailer: Apple Mail (2.3774.600.62)",
              "X-Pgp-Agent: GPGMail 7.3"),
    "k9": ("User-Agent: K-9 Mail for Android", "MIME-Version: 1.0"),
    "mutt": ("User-Agent: Mutt/2.2.9 (2022-11-12)", "MIME-Version: 1.0", "Content-Disposition: inline"),
    "gmail": ("X-Received: by 2002:a05:6402:1 with SMTP id a1", "MIME-Version: 1.0"),
    "mailvelope": ("X-Received: by 2002:a05:6402:2 with SMTP id b2", "MIME-Version: 1.0"),
    "proton": ("X-Pm-Message-Id: 3f1c0e6a", "X-Pm-Content-Encryption: on-delivery", "MIME-Version: 1.0"),
    "kmail": ("User-Agent: KMail/5.24.5", "MIME-Version: 1.0"),
    "evolution": ("User-Agent: Evolution 3.52.3", "MIME-Version: 1.0"),
    "claws": ("X-Mailer: Claws Mail 4.1.1 (GTK 3.24.38)", "MIME-Version: 1.0"),
    "roundcube": ("User-Agent: Roundcube Webmail/1.6.5", "MIME-Version: 1.0"),
    "notes": ("X-Mailer: HCL Notes Release 12.0.2", "X-MIMETrack: Serialize by Router on MX1/Example(Release 12.0.2)",
              "MIME-Version: 1.0"),
    "groupwise": ("X-Mailer: Novell GroupWise Internet Agent 18.2.1", "Mime-Version: 1.0"),
    "pgpdesktop": ("X-Mailer: Microsoft Outlook 14.0", "X-PGP-Universal: processed", "MIME-Version: 1.0"),
}  # fmt: skip


def head(client: str, sender: str, subject: str, *more: str, number: str = "1") -> bytes:
    """The header without its last blank line; `more` come first, as what servers on the way add does."""
    domain = sender.rpartition("@")[2].rstrip(">")
    encoded = Header(subject, "utf-8", maxlinelen=70).encode() if not subject.isascii() else subject
    fields = (f"From: {sender}", f"To: {HUB}", f"Subject: {encoded}", f"Message-ID: <{number}.{client}@{domain}>",
              f"Date: {DATE}", *_FIELDS[client])  # fmt: skip
    lines = [line for field in (*more, *fields) for line in field.split("\n")]
    return "".join(f"{line}\r\n" for line in lines).encode()
