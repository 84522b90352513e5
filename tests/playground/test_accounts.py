"""The accounts in memory: who gets a mail, what a folder remembers, who is told."""

import threading

import pytest

from mailbot.playground.accounts import Folder, Store


@pytest.fixture
def store() -> Store:
    store = Store()
    store.add("fr@fr.example", "secret", "desk@fr.example")
    store.add("de@de.example", "other")
    return store


def inbox(store: Store, login: str = "fr@fr.example") -> Folder:
    folder = store.account(login).folder("INBOX")
    assert folder
    return folder


@pytest.mark.parametrize(
    "address", ["fr@fr.example", "FR@Fr.Example", "fr+ref-1@fr.example", "desk@fr.example", "desk+a+b@fr.example"]
)
def test_addresses_lead_to_their_account(store: Store, address: str) -> None:
    assert store.account_of(address) is store.account("fr@fr.example")


@pytest.mark.parametrize("address", ["", "fr", "x@fr.example", "fr@de.example", "+x@fr.example", "fr@fr.example.org"])
def test_other_addresses_lead_nowhere(store: Store, address: str) -> None:
    assert store.account_of(address) is None


def test_an_address_belongs_to_one_account(store: Store) -> None:
    with pytest.raises(ValueError, match=r"desk@fr\.example"):
        store.add("new@fr.example", "x", "Desk@fr.example")


def test_login(store: Store) -> None:
    assert store.login("FR@fr.example", "secret") is store.account("fr@fr.example")
    assert store.login("fr@fr.example", "other") is None
    assert store.login("desk@fr.example", "secret") is None
    assert store.login_by_token("fr@fr.example", "") is None


def test_delivery_keeps_octets_and_makes_the_folder(store: Store) -> None:
    octets = b"Subject: x\r\n\r\n\x00\xff\r\n"
    assert store.deliver("fr@fr.example", octets, "New").uid == 1
    [mail] = store.mails("fr@fr.example", "New")
    assert (mail.octets, mail.flags) == (octets, frozenset())
    assert store.mails("fr@fr.example") == store.mails("de@de.example") == store.mails("fr@fr.example", "None") == ()


def test_contents_do_not_show_in_a_repr(store: Store) -> None:
    assert "hush" not in repr(store.deliver("fr@fr.example", b"hush"))


def test_delivery_to_nobody(store: Store) -> None:
    with pytest.raises(KeyError):
        store.deliver("x@fr.example", b"")


def test_renumbering(store: Store) -> None:
    for octets in (b"1", b"2", b"3"):
        store.deliver("fr@fr.example", octets)
    folder = inbox(store)
    folder.remove([1])
    validity = folder.validity
    folder.renumber()
    assert [(mail.uid, mail.octets) for mail in folder.mails] == [(1, b"2"), (2, b"3")]
    assert folder.validity > validity
    assert folder.add(b"4").uid == 3


def test_folders_have_validities_of_their_own(store: Store) -> None:
    account = store.account("fr@fr.example")
    validities = [folder.validity for name in account.names if (folder := account.folder(name))]
    assert len(set(validities)) == len(validities)


def test_inbox_is_renamed_by_emptying_it(store: Store) -> None:
    store.deliver("fr@fr.example", b"x")
    assert store.account("fr@fr.example").rename("inbox", "Old")
    assert [mail.octets for mail in store.mails("fr@fr.example", "Old")] == [b"x"]
    assert store.mails("fr@fr.example") == ()


def test_watchers_hear_of_every_change_until_they_leave(store: Store) -> None:
    heard: list[int] = []
    folder = inbox(store)

    def wake() -> None:
        heard.append(folder.version)

    folder.watch(wake)
    mail = folder.add(b"x")
    folder.mark(mail.uid, ["\\Seen"])
    folder.remove([mail.uid])
    folder.remove([mail.uid])
    folder.mark(mail.uid, [])
    folder.unwatch(wake)
    folder.add(b"y")
    assert heard == [1, 2, 3]


def test_waiting(store: Store) -> None:
    threading.Timer(0.02, store.deliver, ("fr@fr.example", b"x")).start()
    assert [mail.octets for mail in store.wait("fr@fr.example", 1, seconds=5)] == [b"x"]
    with pytest.raises(TimeoutError, match=r"fr@fr\.example INBOX: 1 of 2 mails"):
        store.wait("fr@fr.example", 2, seconds=0.02)


def test_deliveries_from_many_threads_get_uids_of_their_own(store: Store) -> None:
    def deliver() -> None:
        for _ in range(50):
            store.deliver("fr@fr.example", b"x")

    threads = [threading.Thread(target=deliver) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [mail.uid for mail in store.mails("fr@fr.example")] == list(range(1, 401))
