"""The playground: small mail servers on loopback, people with throw-away keys, and the demo played with them.

Everything here serves demonstrations and tests. Mail lies in memory alone, nothing is reachable from another machine,
and the robot that works on it is the real one.
"""
