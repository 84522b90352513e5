"""The first robot on a database says what holds for all that follow."""

from sqlalchemy import Engine

from mailbot.store.agreement import agrees


def test_the_first_word_holds(engine: Engine) -> None:
    assert agrees(engine, "secret", "abc")
    assert agrees(engine, "secret", "abc")
    assert not agrees(engine, "secret", "xyz")
    assert agrees(engine, "secret", "abc")
    assert agrees(engine, "colour", "xyz")
