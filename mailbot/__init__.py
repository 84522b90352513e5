"""The robot of the network: OpenPGP mail between contact points, relayed, acknowledged, tested, recorded."""

__version__ = "0.1.0"
