"""The playground: small mail servers on loopback, people with throw-away keys, and the demo played with them.

Everything here serves demonstrations and tests. Mail lies in memory alone, nothing is reachable from another machine,
and the robot that works on it is the real one.

    demo.py         plays the scenes, shows and checks what came of them
    script.py       who is in it, what each writes, who must get what
    stage.py        sets everything up in one temporary folder, and removes it
    configuration.py  the robot's config.toml
    people.py       somebody who writes, reads and presses Reply; composing.py, reading.py, keys.py: how
    facts.py        what came of it, and what is amiss; showing.py: the same for a person to read
    programs.py     hands it all over to Thunderbird or neomutt
    smtp.py, imap/  the servers; loopback.py, accounts.py: what both stand on
"""
